"""The revocation list: keys of devices whose certificates count no more, signed by the issuer that gave them.

    "KAR1" | issuer's id (8) | version (8) | expires, Unix seconds (8) | count (4) | SHA-256 of each key (32),
    ascending | Ed25519 signature of all before (64)

Numbers are little-endian. The list is a static file that anybody may carry. A list with a lower version, or one that
has expired, is refused, so that whoever carries it cannot hold back a revocation for longer than the list lasts.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..errors import MessageError
from .identity import issuer_id
from .key_agreement import LABEL

MAX_REVOKED: Final = 200_000  # keys of one list, 6.4 MB
_MAGIC: Final = b"KAR1"
_HEAD = struct.Struct("<4s8sQQI")
_HASH_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A revocation list.

    Attributes:
        version: Number of the list; a later one replaces it.
        expires: Unix seconds after which it counts no more.
        hashes: SHA-256 of each device key that was revoked.
    """

    version: int
    expires: int
    hashes: frozenset[bytes] = frozenset()

    def revokes(self, device: bytes) -> bool:
        """Return whether a device's public key is on the list."""
        return hashlib.sha256(device).digest() in self.hashes

    def sign(self, issuer: bytes) -> bytes:
        """Return the signed list. `issuer` is the issuer's private key (Ed25519, 32 bytes)."""
        key = Ed25519PrivateKey.from_private_bytes(issuer)
        named = issuer_id(key.public_key().public_bytes_raw())
        body = _HEAD.pack(_MAGIC, named, self.version, self.expires, len(self.hashes)) + b"".join(sorted(self.hashes))
        return body + key.sign(LABEL + b"revoked" + body)

    @classmethod
    def read(cls, data: bytes, issuers: Collection[bytes], now: int) -> RevocationList:
        """Return the list that one of the issuers has signed.

        Args:
            data: The signed list.
            issuers: Public keys whose lists count.
            now: Unix seconds.

        Raises:
            MessageError: The bytes are no list of these issuers, or it has expired.
        """
        if len(data) < _HEAD.size + _SIGNATURE_BYTES:
            raise MessageError("The revocation list is cut short; fetch it again.")
        magic, named, version, expires, count = _HEAD.unpack_from(data)
        body, hashes = data[:-_SIGNATURE_BYTES], data[_HEAD.size : -_SIGNATURE_BYTES]
        issuer = next((key for key in issuers if issuer_id(key) == named), None)
        if magic != _MAGIC or issuer is None or count > MAX_REVOKED or len(hashes) != count * _HASH_BYTES:
            raise MessageError("The revocation list is of no issuer that is known here, or has a wrong length.")
        try:
            Ed25519PublicKey.from_public_bytes(issuer).verify(data[-_SIGNATURE_BYTES:], LABEL + b"revoked" + body)
        except (InvalidSignature, ValueError):
            raise MessageError("The revocation list is forged: its signature is not the issuer's.") from None
        if expires < now:
            raise MessageError("The revocation list has expired; fetch a new one from the issuer.")
        return cls(
            version, expires, frozenset(hashes[i : i + _HASH_BYTES] for i in range(0, len(hashes), _HASH_BYTES))
        )
