"""The doctor: the state of this machine, what keyart requires, and a remedy for each difference.

`read` records everything in an `Environment`; `findings` judges it without any I/O.
"""

from __future__ import annotations

from collections.abc import Callable

from . import engines, flower, installation, machine, storage
from .environment import Environment
from .finding import Finding
from .read_environment import read

__all__ = ["CHECKS", "Environment", "Finding", "findings", "read"]

Check = Callable[[Environment], Finding | None]

CHECKS: tuple[Check, ...] = (
    installation.python,
    installation.packages,
    installation.extras,
    installation.database,
    engines.engines,
    engines.telemetry,
    engines.threads,
    engines.models,
    engines.bundle,
    storage.profile,
    storage.keys,
    storage.cache,
    storage.room,
    machine.clock,
    machine.terminal,
    machine.memory,
    flower.flower,
    flower.variables,
    flower.superlinks,
    flower.connections,
    flower.app,
)


def findings(environment: Environment) -> tuple[Finding, ...]:
    """Return one finding per check, in order, without checks that do not apply."""
    return tuple(finding for check in CHECKS if (finding := check(environment)) is not None)
