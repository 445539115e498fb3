"""Signing keys of Content Credentials: created on first use, or provided by a company.

The folder holds `signing.key` (PKCS#8, P-256, readable by its owner only) and `chain.pem`, with the leaf certificate
first. A chain created here ends at an authority whose key is discarded at once, so that it can never certify another.
The certificates follow the profile of the C2PA Technical Specification 2.1, section 14.5.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keyart.bundle import replace_file
from keyart.errors import SettingError

KEY_FILE = "signing.key"
CHAIN_FILE = "chain.pem"
LIFETIME = timedelta(days=3650)  # without a timestamp authority a picture is valid only as long as its certificate
CLOCK_SKEW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A signing key: `chain` is PEM with the leaf first and the authority last, `private` is unencrypted PEM."""

    chain: bytes
    private: bytes = field(repr=False)

    @property
    def authority(self) -> bytes:
        """Return the PEM of the authority's certificate, which verifiers must trust."""
        return _pem([x509.load_pem_x509_certificates(self.chain)[-1]])


def open_keys(folder: Path, now: datetime) -> SigningKey:
    """Open the key in `folder`; a missing or empty folder receives a new one.

    Raises:
        SettingError: the folder, key or certificate cannot be used.
    """
    key, chain = folder / KEY_FILE, folder / CHAIN_FILE
    try:
        if not key.exists() and not chain.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            created = create_key(now)
            replace_file(chain, created.chain)
            replace_file(key, created.private, 0o600)  # last: with the key the pair is complete
            return created
        if not key.exists():  # a run was killed between the two
            chain.unlink()
            return open_keys(folder, now)
        if stat.S_IMODE(key.stat().st_mode) & 0o077:
            raise SettingError(f"{key} can be read by others; run `chmod 600` on it.")
        stored = SigningKey(chain.read_bytes(), key.read_bytes())
    except OSError as error:
        raise SettingError(f"No signing key in {folder}: {error.strerror or error}; give --keys a folder.") from None
    _check(stored, folder, now)
    return stored


def create_key(now: datetime) -> SigningKey:
    """Create a P-256 key under its own authority, valid for ten years from `now`."""
    authority_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    number = x509.random_serial_number()
    authority_name = _name(f"keyart authority {number % 16**8:08x}")
    # The authority signs this one leaf and no other certificate below it.
    authority = (
        _started(authority_name, authority_name, authority_key.public_key(), number, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        _started(_name("keyart compose"), authority_name, leaf_key.public_key(), x509.random_serial_number(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SigningKey(_pem([leaf, authority]), private)


def _check(key: SigningKey, folder: Path, now: datetime) -> None:
    try:
        leaf = x509.load_pem_x509_certificates(key.chain)[0]
        private = serialization.load_pem_private_key(key.private, None)
    except (ValueError, TypeError):
        raise SettingError(f"{folder}: {KEY_FILE} and {CHAIN_FILE} must be PEM, and the key unencrypted.") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise SettingError(f"{folder / KEY_FILE} is no P-256 key; Content Credentials are signed with ES256.")
    if private.public_key() != leaf.public_key():
        raise SettingError(f"{folder}: {KEY_FILE} does not belong to the first certificate of {CHAIN_FILE}.")
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise SettingError(
            f"{folder / CHAIN_FILE} is valid from {leaf.not_valid_before_utc:%Y-%m-%d} to "
            f"{leaf.not_valid_after_utc:%Y-%m-%d}; renew it, or give --keys a new folder."
        )


def _started(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, number: int, now: datetime
) -> x509.CertificateBuilder:
    start = now.astimezone(UTC) - CLOCK_SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(number)
        .not_valid_before(start)
        .not_valid_after(start + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(common: str) -> x509.Name:
    # Readers of credentials show the organisation as who signed.
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "keyart (self-made key)"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)
