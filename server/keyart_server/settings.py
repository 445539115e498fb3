"""Settings of one server process, as a checked value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keyart.errors import SettingError

from .http.address import Address


@dataclass(frozen=True, slots=True)
class ServerSettings(Address):
    """Settings of one server process.

    Attributes:
        data: folder for everything that the process stores.
        database_url: `sqlite:///FILE` or `postgresql://…`; None uses SQLite in `data`.
        bundle: bundle folder to publish at start, if it is not published yet.
        catalog: catalogue file (JSON of `Catalog.save`), copied into `data`.
        epsilon: privacy budget ε of the fleet; None keeps the stored value.
        delta: δ of the budget; None keeps the stored value.
        superlink: HOST:PORT of an external SuperLink; None starts one on this machine when needed.
        superlink_ca: PEM file of the authority that signed the SuperLink's certificate.
        gateways: number of gateways that a round waits for at an external SuperLink.
        rounds: whether this process runs campaigns.

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

    def __post_init__(self) -> None:
        Address.__post_init__(self)
        if (self.superlink is None) != (self.superlink_ca is None):
            raise SettingError("An external SuperLink needs both --superlink and --superlink-ca.")
        if self.superlink_ca is not None and not self.superlink_ca.is_file():
            raise SettingError(f"--superlink-ca: the file {self.superlink_ca} does not exist.")
        if self.gateways < 1:
            raise SettingError(f"--gateways is {self.gateways}; a round needs at least one.")
