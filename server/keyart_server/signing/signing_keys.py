"""The server's own two keys (Ed25519): one signs offers, one certifies devices. Apps ship both public halves.

DIR/keys/offers.pem     what it signs, devices with `keyart.Limits(servers=[…])` take part in
DIR/keys/issuer.pem     whom it certifies, devices with `keyart.Limits(issuers=[…])` take for a device

Who has the issuer's key can invent devices, so an operator who fears their own server keeps it elsewhere and lets the
app's account service certify (docs/server.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import tuf_keys

OFFERS, ISSUER = "offers", "issuer"
NAMES: Final = (OFFERS, ISSUER)


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """offers, issuer: private keys, 32 bytes each."""

    offers: bytes = field(repr=False)
    issuer: bytes = field(repr=False)

    @property
    def offers_public(self) -> bytes:
        """[32]"""
        return _public(self.offers)

    @property
    def issuer_public(self) -> bytes:
        """[32]"""
        return _public(self.issuer)


def load_or_create(folder: Path) -> SigningKeys:
    """Those in the folder; what is missing is made. Raises SettingError for files that cannot be used."""
    return SigningKeys(*(_key(folder, name) for name in NAMES))


def _key(folder: Path, name: str) -> bytes:
    path = tuf_keys.path_of(folder, name)
    if not path.exists():
        tuf_keys.create(path)
    return tuf_keys.private_key(path).private_bytes_raw()


def _public(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
