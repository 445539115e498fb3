"""The doctor: what this machine has, what keyart needs of it, and a remedy for each difference.

`read` takes everything down in an `Environment`; `findings` judges that, and touches nothing.
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
    """One a check, in the order of the checks; without those that nobody asked about."""
    return tuple(found for check in CHECKS if (found := check(environment)) is not None)
