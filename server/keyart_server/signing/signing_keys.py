"""The server's own two Ed25519 keys: one signs campaign offers, the other certifies devices.

DIR/keys/offers.pem     devices with `keyart.Limits(servers=[…])` accept offers signed with it
DIR/keys/issuer.pem     devices with `keyart.Limits(issuers=[…])` accept certificates signed with it

The holder of the issuer key can invent devices. Operators who do not trust their own server keep it elsewhere and let
the app's account service certify devices (docs/reference/server.md).
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
    """The two private keys, 32 bytes each."""

    offers: bytes = field(repr=False)
    issuer: bytes = field(repr=False)

    @property
    def offers_public(self) -> bytes:
        """Return the public key of offers [32 bytes]."""
        return _public(self.offers)

    @property
    def issuer_public(self) -> bytes:
        """Return the public key of the issuer [32 bytes]."""
        return _public(self.issuer)


def load_or_create(folder: Path) -> SigningKeys:
    """Load both keys from the folder and create missing ones. Raises SettingError for unusable files."""
    return SigningKeys(*(_key(folder, name) for name in NAMES))


def _key(folder: Path, name: str) -> bytes:
    path = tuf_keys.path_of(folder, name)
    if not path.exists():
        tuf_keys.create(path)
    return tuf_keys.private_key(path).private_bytes_raw()


def _public(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
