"""What the rooms of one server process share. Each room's `routes(service)` takes from it what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from keyart import Catalog

from .access import Guard
from .bundles import Shelf
from .dashboard import Pages
from .data_folder import DataFolder
from .monitoring.metrics import Metrics
from .settings import Settings
from .signing.signing_keys import Keys
from .state import State


@dataclass(frozen=True, slots=True)
class Service:
    """clock: the time now, with zone. shelf: the published bundles. pages: what people see. keys: that sign offers
    and certify devices. catalog: what the fleet chooses from; None: not told, and nothing can be learnt. waiting: why
    a running campaign asks nothing at present, by its id, as the engine of this process last saw it."""

    settings: Settings
    data: DataFolder
    state: State
    guard: Guard
    shelf: Shelf
    metrics: Metrics
    pages: Pages
    clock: Callable[[], datetime]
    keys: Keys
    catalog: Catalog | None
    waiting: dict[str, str] = field(default_factory=dict)
