"""Password hashes, stored as `scrypt$N$r$p$salt$key` (RFC 7914) with salt and key in base64.

The cost is the first of the 32 MB settings in OWASP's password storage cheat sheet: N = 2¹⁵, r = 8, p = 3; about 0.2
s on one core.
"""

from __future__ import annotations

import base64
import os
import threading
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from keyart.errors import SettingError

LOG_COST: Final = 15
BLOCK: Final = 8
PARALLEL: Final = 3
SALT_BYTES: Final = 16
KEY_BYTES: Final = 32
MIN_LENGTH: Final = 12  # characters
MAX_LENGTH: Final = 200

# Each hash takes 32 MB; more at once would exhaust the memory of a small machine.
_hash_slots = threading.BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """Return the hash to store. Raises SettingError for a password that is too short or too long."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise SettingError(f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.")
    salt = os.urandom(SALT_BYTES)
    with _hash_slots:
        key = _scrypt(salt, LOG_COST, BLOCK, PARALLEL).derive(_bytes(password))
    fields = (str(LOG_COST), str(BLOCK), str(PARALLEL), _text(salt), _text(key))
    return "$".join(("scrypt", *fields))


def verify_password(password: str, stored: str) -> bool:
    """Tell whether the password matches the hash; a wrong password takes the same time."""
    _, cost, block, parallel, salt, key = stored.split("$")
    with _hash_slots:
        try:
            scrypt = _scrypt(base64.b64decode(salt), int(cost), int(block), int(parallel))
            scrypt.verify(_bytes(password), base64.b64decode(key))
        except InvalidKey:
            return False
    return True


def _scrypt(salt: bytes, cost: int, block: int, parallel: int) -> Scrypt:
    return Scrypt(salt=salt, length=KEY_BYTES, n=1 << cost, r=block, p=parallel)


def _bytes(password: str) -> bytes:
    """Normalise a password to NFKC, as RFC 8265 requires, so that every keyboard produces the same bytes."""
    return unicodedata.normalize("NFKC", password[:MAX_LENGTH]).encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
