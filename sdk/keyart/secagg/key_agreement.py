"""Keys of a round: derived by HKDF-SHA256 (RFC 5869) with a label for each purpose, agreed by X25519 (RFC 7748)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import MessageError

LABEL: Final = b"keyart/sums/1/"  # with the version of the protocol: another version has other keys
SEED_BYTES: Final = 16
KEY_BYTES: Final = 32
TAG_BYTES: Final = 16
DIGEST_BYTES: Final = 16  # of a share: 128 bits against another share with the same digest

_ONCE = bytes(12)  # nonce: each sealing key seals one message


def derive_key(secret: bytes, round_id: bytes, purpose: str, context: bytes = b"", length: int = KEY_BYTES) -> bytes:
    """Derive a key of at most 32 bytes, one block of HKDF.

    The round is the salt; label, purpose and context are the info.
    """
    extracted = hmac.digest(round_id, secret, "sha256")
    return hmac.digest(extracted, LABEL + purpose.encode() + b"\0" + context + b"\x01", "sha256")[:length]


def commitment(secret: bytes, round_id: bytes, purpose: str) -> bytes:
    """Return 32 bytes that tell a rebuilt secret from a wrong one, and reveal nothing else of 16 random bytes."""
    return hashlib.sha256(LABEL + purpose.encode() + b"\0" + round_id + secret).digest()


def share_digest(share: bytes, round_id: bytes) -> bytes:
    """Return 16 bytes that tell a share that was dealt from any other, and reveal nothing else of it."""
    return commitment(share, round_id, "share")[:DIGEST_BYTES]


def masking_key(seed: bytes, round_id: bytes) -> X25519PrivateKey:
    """Return the private key for pairwise masks, whose seed is shared out."""
    return X25519PrivateKey.from_private_bytes(derive_key(seed, round_id, "masking key"))


def agree_secret(private: X25519PrivateKey, public: bytes) -> bytes:
    """Return the shared secret of two devices, 32 bytes.

    Raises:
        MessageError: The public key is of low order, which would agree on zero.
    """
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise MessageError("A neighbour's public key is not usable; the round goes on without this device.") from None


def seal(key: bytes, content: bytes, binding: bytes) -> bytes:
    """Encrypt with AES-256-GCM. The key must seal nothing else."""
    return AESGCM(key).encrypt(_ONCE, content, binding)


def unseal(key: bytes, sealed: bytes, binding: bytes) -> bytes | None:
    """Decrypt what `seal` encrypted; return None for anything else."""
    from cryptography.exceptions import InvalidTag

    try:
        return AESGCM(key).decrypt(_ONCE, sealed, binding)
    except InvalidTag:
        return None
