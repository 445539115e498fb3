"""Secrets that are handed out once and stored as a hash: tokens, sessions, codes of one-time links.

Each holds 256 random bits, so that a plain sha256 is enough: there is nothing to guess, and a look-up by the hash
tells nothing by its time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import Final

BYTES: Final = 32
ID_BYTES: Final = 8


def make() -> str:
    """A new secret, in letters, digits, `-` and `_`."""
    return base64.urlsafe_b64encode(os.urandom(BYTES)).rstrip(b"=").decode()


def make_id() -> str:
    """A new name for a row; no secret."""
    return os.urandom(ID_BYTES).hex()


def digest(secret: str) -> str:
    """What is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def derive(secret: str, purpose: str) -> str:
    """Another secret, which does not lead back: HMAC-SHA256."""
    mac = hmac.digest(secret.encode("utf-8", "surrogateescape"), purpose.encode(), "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def constant_time_equal(left: str, right: str) -> bool:
    """In a time that does not tell where they differ."""
    return hmac.compare_digest(left.encode("utf-8", "surrogateescape"), right.encode("utf-8", "surrogateescape"))
