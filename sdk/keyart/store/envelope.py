"""Sealing of a record, and the keys that seal.

    version (1) | key id (4) | nonce (12) | ciphertext | tag (16)

AES-256-GCM (NIST SP 800-38D) with a random nonce: at 2³² records a key the probability of a repeated nonce stays
below 2⁻³². The associated data is the header (version and key id) followed by a binding that the caller gives; a
record that was moved elsewhere does not open. The plaintext is its length (4, big-endian), the content and zeros up
to a multiple of 128 bytes, so that a length reveals little. Keys come from HKDF-SHA256 (RFC 5869) with a purpose
label.
"""

from __future__ import annotations

import os
import struct
from typing import Final

from ..errors import SettingError, StoreDamaged

VERSION: Final = 1
KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 4
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
PADDING_BYTES: Final = 128
MAX_CONTENT_BYTES: Final = 16 * 2**20

_HEADER_BYTES = 1 + KEY_ID_BYTES
_LENGTH = struct.Struct(">I")
_SMALLEST = _HEADER_BYTES + NONCE_BYTES + PADDING_BYTES + TAG_BYTES

WHAT_HELPS: Final = "Restore the profile from a copy, or delete its file (and the -wal file) to begin anew."


def derive(key: bytes, purpose: str, length: int = KEY_BYTES) -> bytes:
    """Derive a key of `length` bytes for one purpose. Its label holds the version, so a new format has new keys."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=length, salt=None, info=f"keyart/store/1/{purpose}".encode()).derive(key)


class Sealer:
    """Seals and opens records with the data key of one purpose. Safe to use from several threads."""

    __slots__ = ("_aead", "_header", "_invalid", "purpose")

    def __init__(self, key: bytes, purpose: str) -> None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self.purpose = purpose
        self._invalid = InvalidTag
        self._aead = AESGCM(derive(key, purpose))
        self._header = bytes([VERSION]) + derive(key, f"{purpose}/key id", KEY_ID_BYTES)

    def __repr__(self) -> str:
        return f"Sealer({self.purpose!r})"

    def seal(self, content: bytes, binding: bytes) -> bytes:
        """Return the sealed record, which opens only with the same `binding`.

        Raises:
            SettingError: The content is larger than 16 MiB.
        """
        if len(content) > MAX_CONTENT_BYTES:
            raise SettingError(f"A record holds at most {MAX_CONTENT_BYTES} bytes, not {len(content)}; split it.")
        nonce = os.urandom(NONCE_BYTES)
        used = _LENGTH.size + len(content)
        plain = b"".join((_LENGTH.pack(len(content)), content, bytes(-used % PADDING_BYTES)))
        return self._header + nonce + self._aead.encrypt(nonce, plain, self._header + binding)

    def unseal(self, record: object, binding: bytes) -> bytes:
        """Return the content of a sealed record.

        Raises:
            StoreDamaged: The record, or its place, has changed.
        """
        if not isinstance(record, bytes) or len(record) < _SMALLEST:
            raise StoreDamaged(f"A record of the profile is cut short. {WHAT_HELPS}")
        if record[:_HEADER_BYTES] != self._header:
            raise StoreDamaged(f"A record of the profile names another format or another key. {WHAT_HELPS}")
        nonce = record[_HEADER_BYTES : _HEADER_BYTES + NONCE_BYTES]
        try:
            plain = self._aead.decrypt(nonce, record[_HEADER_BYTES + NONCE_BYTES :], self._header + binding)
        except self._invalid:
            raise StoreDamaged(f"A record of the profile was changed or moved. {WHAT_HELPS}") from None
        (length,) = _LENGTH.unpack_from(plain)
        return plain[_LENGTH.size : _LENGTH.size + length]
