"""Secrets that are shown once and stored as a hash: tokens, sessions and codes of one-time links.

Each has 256 random bits, so a plain sha256 is sufficient: the secret cannot be guessed, and the time of a look-up by
hash reveals nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

BYTES: Final = 32
ID_BYTES: Final = 8


def make() -> str:
    """Return a new secret of letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(BYTES)


def make_id() -> str:
    """Return a new random row id, which is not secret."""
    return secrets.token_hex(ID_BYTES)


def digest(secret: str) -> str:
    """Return the hash under which a secret is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def derive(secret: str, purpose: str) -> str:
    """Derive another secret with HMAC-SHA256; it does not reveal the original."""
    mac = hmac.digest(secret.encode("utf-8", "surrogateescape"), purpose.encode(), "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def constant_time_equal(left: str, right: str) -> bool:
    """Compare two strings in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "surrogateescape"), right.encode("utf-8", "surrogateescape"))
