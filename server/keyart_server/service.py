"""What the rooms of one server process share. Each room's `routes(service)` takes from it what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from keyart import Catalog

from .access import Guard
from .bundles import PublishedBundles
from .dashboard import Pages
from .data_folder import DataFolder
from .monitoring.metrics import Metrics
from .settings import ServerSettings
from .signing.signing_keys import SigningKeys
from .state import ServerState


@dataclass(frozen=True, slots=True)
class Service:
    """clock: the time now, with zone. shelf: the published bundles. pages: what people see. keys: that sign offers
    and certify devices. catalog: what the fleet chooses from; None: not told, and nothing can be learnt. waiting: why
    a running campaign asks nothing at present, by its id, as the engine of this process last saw it."""

    settings: ServerSettings
    data: DataFolder
    state: ServerState
    guard: Guard
    bundles: PublishedBundles
    metrics: Metrics
    pages: Pages
    clock: Callable[[], datetime]
    keys: SigningKeys
    catalog: Catalog | None
    blocked: dict[str, str] = field(default_factory=dict)
