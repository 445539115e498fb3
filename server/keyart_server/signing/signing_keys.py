"""The server's own keys (Ed25519): one signs campaign offers; if the server is its own issuer, one certifies devices.

DIR/keys/offers.pem     devices with `keyart.Limits(servers=[…])` accept offers signed with it
DIR/keys/sealing.pem    `access.sealing` encrypts secrets in the database with a key derived from it
DIR/keys/issuer.pem     only with --insecure-issuer: devices with `keyart.Limits(issuers=[…])` accept its certificates

The holder of the issuer key can invent devices, so it belongs to another process and party (`keyart issuer`,
docs/how-to/issuer.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keyart.errors import SettingError

from . import tuf_keys

OFFERS, ISSUER, SEALING = "offers", "issuer", "sealing"
KEY_HEX: Final = 64  # characters of a public key


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The private keys, 32 bytes each; `issuer` is None unless the server is its own issuer."""

    offers: bytes = field(repr=False)
    issuer: bytes | None = field(repr=False, default=None)

    @property
    def offers_public(self) -> bytes:
        """Return the public key of offers [32 bytes]."""
        return _public(self.offers)

    @property
    def issuer_public(self) -> bytes:
        """Return the public key of the server's own issuer [32 bytes]. Raises SettingError if it has none."""
        if self.issuer is None:
            raise SettingError("This server is not its own issuer; see --issuer and --insecure-issuer.")
        return _public(self.issuer)


def load_or_create(folder: Path, issuer: bool) -> SigningKeys:
    """Load the keys from the folder and create missing ones; that of the issuer only if `issuer`.

    Raises:
        SettingError: A file cannot be used.
    """
    return SigningKeys(_key(folder, OFFERS), _key(folder, ISSUER) if issuer else None)


def sealing_key(folder: Path) -> bytes:
    """Return the private key [32 bytes] behind sealed secrets; a missing one is created. Raises SettingError."""
    return _key(folder, SEALING)


def public_keys(texts: Iterable[str]) -> tuple[bytes, ...]:
    """Return the issuers' public keys of --issuer, [32] each. Raises SettingError."""
    keys = tuple(texts)
    for text in keys:
        if len(text) != KEY_HEX or not set(text.lower()) <= set("0123456789abcdef"):
            raise SettingError(f"--issuer is {text!r}; it must be a public key, {KEY_HEX} hexadecimal digits.")
    return tuple(bytes.fromhex(text) for text in keys)


def _key(folder: Path, name: str) -> bytes:
    path = tuf_keys.path_of(folder, name)
    if not path.exists():
        tuf_keys.create(path)
    return tuf_keys.private_key(path).private_bytes_raw()


def _public(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
