"""Password hashes: Argon2id (RFC 9106), stored in the usual `$argon2id$…` form with parameters and salt.

32 MiB and three passes exceed the minimum of OWASP's password storage cheat sheet (19 MiB and two passes). Routes
hash in `HashThreads`, which bound how many do so at once.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from keyart.errors import SettingError

MIN_LENGTH: Final = 12  # characters
MAX_LENGTH: Final = 200
MEMORY_KIB: Final = 32 * 1024

HASHER = PasswordHasher(time_cost=3, memory_cost=MEMORY_KIB, parallelism=1)


def hash_password(password: str) -> str:
    """Return the hash to store. Raises SettingError for a password that is too short or too long."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise SettingError(f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.")
    return HASHER.hash(_bytes(password))


def verify_password(password: str, stored: str) -> bool:
    """Tell whether the password matches the hash; a wrong password takes the same time."""
    try:
        return HASHER.verify(stored, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False


def _bytes(password: str) -> bytes:
    """Normalise a password to NFKC, as RFC 8265 requires, so that every keyboard produces the same bytes."""
    return unicodedata.normalize("NFKC", password[:MAX_LENGTH]).encode("utf-8", "surrogatepass")
