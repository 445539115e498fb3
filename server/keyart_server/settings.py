"""Settings of one server process. A checked value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keyart.errors import SettingError

from .http.address import Address


@dataclass(frozen=True, slots=True)
class ServerSettings(Address):
    """data: folder of everything this process keeps. database_url: `sqlite:///FILE` or `postgresql://…`; None: SQLite
    in `data`. bundle: published at the first start. catalog: what the fleet chooses from, JSON of `Catalog.save`; it
    is copied into `data`. epsilon, delta: the most that the fleet ever gives away; None: as it was. superlink:
    HOST:PORT of one that runs elsewhere, superlink_ca: who vouches for it, PEM; None: one is started here when it is
    needed. gateways: that a round waits for there. rounds: whether this process drives rounds at all. Raises
    SettingError.
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
            raise SettingError("A SuperLink elsewhere needs both: --superlink and --superlink-ca.")
        if self.superlink_ca is not None and not self.superlink_ca.is_file():
            raise SettingError(f"--superlink-ca: there is no file {self.superlink_ca}.")
        if self.gateways < 1:
            raise SettingError(f"--gateways is {self.gateways}; a round needs one at least.")
