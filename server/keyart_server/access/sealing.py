"""Secrets that the server must be able to read again, encrypted in the database: TOTP secrets, keys of webhooks.

AES-256-GCM under a key that HKDF derives from DIR/keys/sealing.pem. It protects against whoever gets the database
alone, such as a dump or a replica of Postgres. It does not protect against whoever reads the data folder or a backup,
which holds both. Sealed bytes: version (1) | nonce (12) | ciphertext with tag; the purpose is authenticated, so that
a sealed secret cannot be moved to another row.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyart.errors import FederatedError

VERSION: Final = b"\x01"
NONCE_BYTES: Final = 12
LABEL: Final = b"keyart server: secrets in the database"


class Sealer:
    """Encrypts secrets of one server, or of several on one database that share their sealing key [32 bytes]."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(HKDF(SHA256(), 32, salt=None, info=LABEL).derive(key))

    def seal(self, purpose: str, secret: bytes) -> bytes:
        """Encrypt a secret for this purpose, which names the row that holds it."""
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, secret, VERSION + purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Decrypt the result of `seal`. Raises FederatedError if key, purpose or bytes are others."""
        nonce, text = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if sealed[:1] != VERSION:
                raise InvalidTag
            return self._cipher.decrypt(nonce, text, VERSION + purpose.encode())
        except (InvalidTag, ValueError):
            raise FederatedError(
                "A secret in the database cannot be decrypted with keys/sealing.pem of this data folder. Restore "
                "that file from a backup, and give every server on this database the same one."
            ) from None
