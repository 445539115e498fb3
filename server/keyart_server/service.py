"""The objects that the packages of one server process share; `routes(service)` of a package uses what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from .access import Guard
from .access.sealing import Sealer
from .bundles import PublishedBundles
from .catalogs import CurrentCatalog
from .dashboard import Pages
from .data_folder import DataFolder
from .gateway.revocations import Revocations
from .issuer.issuer_process import OpenIssuer
from .monitoring.metrics import Metrics
from .settings import ServerSettings
from .signing.signing_keys import SigningKeys
from .state import ServerState


@dataclass(frozen=True, slots=True)
class Service:
    """The shared objects of one server process.

    Attributes:
        bundles: the published bundles.
        pages: renders the dashboard.
        clock: returns the current time, with zone.
        keys: sign offers, and certify devices if the server is its own issuer.
        sealer: encrypts secrets in the database.
        issuers: public keys that certify devices.
        issuer: the server's own issuer; None if another process is the issuer.
        revoked: the issuer's revocation list; None if there is none.
        catalogs: the fleet's current catalogue; without one nothing can be trained.
        blocked: why a running campaign starts no round, by campaign id, as the engine of this process saw it; the
            engine stores it for all processes (`campaigns.waiting`).
    """

    settings: ServerSettings
    data: DataFolder
    state: ServerState
    guard: Guard
    bundles: PublishedBundles
    metrics: Metrics
    pages: Pages
    clock: Callable[[], datetime]
    keys: SigningKeys
    sealer: Sealer
    issuers: tuple[bytes, ...]
    issuer: OpenIssuer | None
    revoked: Revocations | None
    catalogs: CurrentCatalog
    blocked: dict[str, str] = field(default_factory=dict)
