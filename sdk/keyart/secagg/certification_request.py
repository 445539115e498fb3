"""The request for a certificate: a device's public key, and the proof that the device has its private half.

    device's public key (32) | issuer's challenge (40) | signature over the challenge (64) | attestation, up to 16 kB

The signature is Ed25519 over `keyart/sums/1/possession` and the challenge. Whoever merely knows a key, or makes one
up, gets no certificate for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..errors import MessageError
from .identity import Identity
from .key_agreement import KEY_BYTES, LABEL

CHALLENGE_BYTES: Final = 40
MAX_ATTESTATION_BYTES: Final = 16_384
_PROOF_BYTES: Final = 64
_MIN_BYTES: Final = KEY_BYTES + CHALLENGE_BYTES + _PROOF_BYTES
MAX_REQUEST_BYTES: Final = _MIN_BYTES + MAX_ATTESTATION_BYTES


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """A request for a certificate.

    Attributes:
        device: The device's public key, 32 bytes.
        challenge: Bytes that the issuer has chosen for this key.
        proof: The device's signature over the challenge.
        attestation: Evidence of the device's platform, for issuers that ask for it.
    """

    device: bytes
    challenge: bytes
    proof: bytes
    attestation: bytes = field(default=b"", repr=False)

    @classmethod
    def create(cls, identity: Identity, challenge: bytes, attestation: bytes = b"") -> CertificationRequest:
        """Return the request of a device.

        Raises:
            MessageError: No issuer sends such a challenge, or the attestation is too long.
        """
        if len(challenge) != CHALLENGE_BYTES or len(attestation) > MAX_ATTESTATION_BYTES:
            raise MessageError(
                f"A challenge of an issuer is {CHALLENGE_BYTES} bytes, and an attestation at most "
                f"{MAX_ATTESTATION_BYTES:,}; is this the issuer's address?"
            )
        proof = Ed25519PrivateKey.from_private_bytes(identity.private).sign(LABEL + b"possession" + challenge)
        return cls(identity.public, challenge, proof, attestation)

    @property
    def proves_possession(self) -> bool:
        """Return whether the sender has the private half of the key."""
        try:
            Ed25519PublicKey.from_public_bytes(self.device).verify(self.proof, LABEL + b"possession" + self.challenge)
        except (InvalidSignature, ValueError):
            return False
        return True

    def to_bytes(self) -> bytes:
        """Encode the request."""
        return self.device + self.challenge + self.proof + self.attestation

    @classmethod
    def from_bytes(cls, data: bytes) -> CertificationRequest:
        """Decode a request.

        Raises:
            MessageError: The bytes are too few or too many.
        """
        if not _MIN_BYTES <= len(data) <= MAX_REQUEST_BYTES:
            raise MessageError(
                f"A request for a certificate has {_MIN_BYTES} to {MAX_REQUEST_BYTES} bytes, not {len(data)}."
            )
        challenge_end = KEY_BYTES + CHALLENGE_BYTES
        return cls(data[:KEY_BYTES], data[KEY_BYTES:challenge_end], data[challenge_end:_MIN_BYTES], data[_MIN_BYTES:])
