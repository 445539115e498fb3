"""Identities: a device's signing key with an issuer's certificate, and the keys that it signs for a round.

The issuer is a service that can tell devices apart: the app's own account service, or an attestation service. Its
public key comes to a device with the app, never from the aggregating server, so that the server cannot invent
devices.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..errors import MessageError, SettingError
from .key_agreement import KEY_BYTES, LABEL

ISSUER_ID_BYTES: Final = 8
SIGNATURE_BYTES: Final = 64
_CERTIFICATE = struct.Struct("<8sQ32s64s")
_RECORD = struct.Struct(f"<{_CERTIFICATE.size}s32s32s64s")
CERTIFICATE_BYTES: Final = _CERTIFICATE.size
RECORD_BYTES: Final = _RECORD.size
_DEVICE = slice(16, 16 + KEY_BYTES)  # of a certificate and of a record, the device's key


@dataclass(frozen=True, slots=True)
class Identity:
    """A device's signing key (Ed25519, 32 bytes; a secret) and its certificate (`certify`)."""

    private: bytes = field(repr=False)
    certificate: bytes = b""

    @classmethod
    def create(cls, random: Callable[[int], bytes]) -> Identity:
        """Return a new identity that is not certified yet. `random` is `os.urandom` except in tests."""
        return cls(random(KEY_BYTES))

    @property
    def public(self) -> bytes:
        """Return the public key that the issuer signs, 32 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.private).public_key().public_bytes_raw()

    def record(self, round_id: bytes, sealing: bytes, masking: bytes) -> bytes:
        """Return the certificate, both public keys of the round, and the signature over them (`RECORD_BYTES`)."""
        if len(self.certificate) != CERTIFICATE_BYTES:
            raise SettingError("This device has no certificate: have the issuer `certify` its public key first.")
        signature = Ed25519PrivateKey.from_private_bytes(self.private).sign(_signed(round_id, sealing, masking))
        return _RECORD.pack(self.certificate, sealing, masking, signature)

    def registration(self, round_id: bytes, record: bytes) -> bytes:
        """Return the signature that registers this device with its record (`SIGNATURE_BYTES`).

        Neighbours are shown the record, and never this signature: without it, each of them could register as this
        device.
        """
        return Ed25519PrivateKey.from_private_bytes(self.private).sign(_registered(round_id, record))


@dataclass(frozen=True, slots=True)
class VerifiedPeer:
    """A verified device of the round.

    Attributes:
        device: Its certified key, 32 bytes.
        sealing: Its X25519 key for sealed shares, 32 bytes.
        masking: Its X25519 key for masks, 32 bytes.
    """

    device: bytes
    sealing: bytes
    masking: bytes

    @property
    def key_hash(self) -> str:
        """Return the SHA-256 of its certified key in hex, by which servers know it."""
        return hashlib.sha256(self.device).hexdigest()


def certify(issuer: bytes, device: bytes, not_after: int) -> bytes:
    """Certify a device's public key.

    Args:
        issuer: The issuer's private key (Ed25519, 32 bytes).
        device: The device's public key.
        not_after: Unix seconds.
    """
    key = Ed25519PrivateKey.from_private_bytes(issuer)
    body = struct.pack("<8sQ32s", issuer_id(key.public_key().public_bytes_raw()), not_after, device)
    return body + key.sign(LABEL + b"certificate" + body)


def issuer_id(issuer: bytes) -> bytes:
    """Return the 8 bytes by which a certificate names its issuer's public key."""
    return hashlib.sha256(LABEL + b"issuer" + issuer).digest()[:ISSUER_ID_BYTES]


def certified_device(record: bytes) -> bytes:
    """Return the device's public key of a record or a certificate, which nobody has verified yet."""
    return record[_DEVICE]


def verify_record(record: bytes, round_id: bytes, issuers: Collection[bytes], now: int) -> VerifiedPeer:
    """Return the device of a record.

    Args:
        record: The record, `RECORD_BYTES`.
        round_id: Id of the round.
        issuers: Public keys whose certificates count.
        now: Unix seconds.

    Raises:
        MessageError: The certificate or the signature is not valid.
    """
    certificate, sealing, masking, signature = _RECORD.unpack(record)
    named, not_after, device, issued = _CERTIFICATE.unpack(certificate)
    issuer = next((key for key in issuers if issuer_id(key) == named), None)
    if issuer is None:
        raise MessageError("A device's certificate is of an issuer that is not known here.")
    if not_after < now:
        raise MessageError("A device's certificate has expired; have the issuer give it a new one.")
    signed = certificate[:-SIGNATURE_BYTES]
    try:
        Ed25519PublicKey.from_public_bytes(issuer).verify(issued, LABEL + b"certificate" + signed)
        Ed25519PublicKey.from_public_bytes(device).verify(signature, _signed(round_id, sealing, masking))
    except (InvalidSignature, ValueError):
        raise MessageError("A device's certificate or its signature for this round is forged.") from None
    return VerifiedPeer(device, sealing, masking)


def verify_registration(
    record: bytes, registration: bytes, round_id: bytes, issuers: Collection[bytes], now: int
) -> VerifiedPeer:
    """Return the device that registers itself with a record, for gateways and the coordinator.

    Args:
        record: The record, `RECORD_BYTES`.
        registration: The device's signature (`Identity.registration`), `SIGNATURE_BYTES`.
        round_id: Id of the round.
        issuers: Public keys whose certificates count.
        now: Unix seconds.

    Raises:
        MessageError: The certificate or a signature is not valid.
    """
    peer = verify_record(record, round_id, issuers, now)
    try:
        Ed25519PublicKey.from_public_bytes(peer.device).verify(registration, _registered(round_id, record))
    except InvalidSignature:
        raise MessageError("The keys are not sent by the device that they belong to.") from None
    return peer


def _signed(round_id: bytes, sealing: bytes, masking: bytes) -> bytes:
    return LABEL + b"keys" + round_id + sealing + masking


def _registered(round_id: bytes, record: bytes) -> bytes:
    return LABEL + b"registration" + round_id + record
