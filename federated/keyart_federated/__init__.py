"""keyart's federated side: worlds, campaigns and rounds, simulation, and Flower apps."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

# Flower phones home unless told not to, and looks for updates; both before its first import.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")

if TYPE_CHECKING:
    from .accounting.privacy import Privacy
    from .report import Report
    from .simulator import simulate
    from .world import World

__all__ = ["Privacy", "Report", "World", "simulate"]

_HOME = {"Privacy": "accounting.privacy", "Report": "report", "World": "world", "simulate": "simulator"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
