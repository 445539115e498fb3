"""What the rooms of one server process share. Each room's `routes(service)` takes from it what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .access import Guard
from .bundles import Shelf
from .dashboard import Pages
from .data import DataFolder
from .metrics import Metrics
from .settings import Settings
from .state import State


@dataclass(frozen=True, slots=True)
class Service:
    """clock: the time now, with zone. shelf: the published bundles. pages: what people see."""

    settings: Settings
    data: DataFolder
    state: State
    guard: Guard
    shelf: Shelf
    metrics: Metrics
    pages: Pages
    clock: Callable[[], datetime]
