"""Settings of one server process, as a checked value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from keyart.errors import SettingError

from .access.identity_settings import IdentitySettings
from .data_folder import DataFolder
from .http.address import Address
from .signing import tuf_keys
from .signing.signing_keys import ISSUER, public_keys


@dataclass(frozen=True, slots=True)
class ServerSettings(Address):
    """Settings of one server process.

    Attributes:
        data: folder for everything that the process stores.
        database_url: `sqlite:///FILE` or `postgresql://…`; None uses SQLite in `data`.
        bundle: bundle folder to publish at start, if it is not published yet.
        catalog: catalogue file to upload at start, unless it was a version before.
        epsilon: privacy budget ε of the fleet; None keeps the stored value.
        delta: δ of the budget; None keeps the stored value.
        superlink: HOST:PORT of an external SuperLink; None starts one on this machine when needed.
        superlink_ca: PEM file of the authority that signed the SuperLink's certificate.
        gateways: number of gateways that a round waits for at an external SuperLink.
        rounds: whether this process runs campaigns.
        issuers: public keys that certify devices, in hex.
        insecure_issuer: whether this server certifies devices itself, and could invent some.
        revocations: the issuer's revocation list, a file that is read again when it changes.
        identity: how people sign in, and what outgoing requests may reach.

    Raises:
        SettingError: for settings that are invalid.
    """

    data: Path
    database_url: str | None = None
    bundle: Path | None = None
    catalog: Path | None = None
    epsilon: float | None = None
    delta: float | None = None
    superlink: str | None = None
    superlink_ca: Path | None = None
    gateways: int = 1
    rounds: bool = True
    issuers: tuple[str, ...] = ()
    insecure_issuer: bool = False
    revocations: Path | None = None
    identity: IdentitySettings = field(default_factory=IdentitySettings)

    def __post_init__(self) -> None:
        Address.__post_init__(self)
        if (self.superlink is None) != (self.superlink_ca is None):
            raise SettingError("An external SuperLink needs both --superlink and --superlink-ca.")
        if self.superlink_ca is not None and not self.superlink_ca.is_file():
            raise SettingError(f"--superlink-ca: the file {self.superlink_ca} does not exist.")
        public_keys(self.issuers)
        if self.insecure_issuer and (self.issuers or self.revocations is not None):
            raise SettingError("--insecure-issuer excludes --issuer and --revocations: the server is its own issuer.")
        if self.revocations is not None and not self.revocations.is_file():
            raise SettingError(f"--revocations: the file {self.revocations} does not exist.")
        if self.gateways < 1:
            raise SettingError(f"--gateways is {self.gateways}; a round needs at least one.")

    def check_issuer(self) -> None:
        """Raise SettingError unless another process is the issuer, or the operator accepts that the server is."""
        if self.insecure_issuer:
            return
        if not self.issuers:
            raise SettingError(
                "A server that certifies devices can invent some and read single vectors. Start `keyart issuer` on "
                "another machine and give its public key as --issuer, or accept this with --insecure-issuer."
            )
        own = tuf_keys.path_of(DataFolder(self.data).keys, ISSUER)
        if own.exists():
            raise SettingError(
                f"{own} is an issuer's key, which this server must not hold: move it into the folder of `keyart "
                "issuer` and give its public key as --issuer, or accept this with --insecure-issuer."
            )
