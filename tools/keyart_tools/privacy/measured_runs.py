"""Measured runs: the capture of fleets of several sizes and ε, from measured.json beside this file."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keyart.errors import KeyartError

FILE: Final = Path(__file__).with_name("measured.json")
REQUIRED: Final = {"devices", "epsilon", "whole", "last_quarter", "seeds"}
OPTIONAL: Final = {"delta", "rounds", "dimension"}


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """Mean capture of `seeds` runs.

    Attributes:
        devices: number of devices; 0 without federated learning.
        epsilon: ε of the run; None without noise.
        whole, last_quarter: capture over the whole run and its last quarter.
        delta, rounds, dimension: of the run; None if they are those asked for.
    """

    devices: int
    epsilon: float | None
    whole: float
    last_quarter: float
    seeds: int
    delta: float | None = None
    rounds: int | None = None
    dimension: int | None = None


def read(path: Path | None = None) -> tuple[MeasuredRun, ...]:
    """Read a list of runs.

    Raises:
        KeyartError: the file is not such a list.
        OSError: the file cannot be read.
    """
    path = path or FILE
    try:
        document = json.loads(path.read_text("utf-8"))
        if not isinstance(document, list):
            raise ValueError("it is not a list")
        return tuple(_run(entry) for entry in document)
    except (ValueError, TypeError) as error:
        raise KeyartError(f"{path} is not a list of measured runs: {error}. Write it anew.") from error


def _run(entry: Any) -> MeasuredRun:
    if not isinstance(entry, dict) or not REQUIRED <= set(entry) <= REQUIRED | OPTIONAL:
        raise ValueError(f"a run has {', '.join(sorted(REQUIRED))}, not {entry!r}")
    run = MeasuredRun(**entry)
    for name, value, least in (
        ("devices", run.devices, 0),
        ("seeds", run.seeds, 1),
        ("rounds", run.rounds, 1),
        ("dimension", run.dimension, 1),
    ):
        if value is not None and (type(value) is not int or value < least):
            raise ValueError(f"{name} is {value!r}")
    if not (math.isfinite(run.whole) and math.isfinite(run.last_quarter)):
        raise ValueError(f"a capture of {run.devices} devices is not finite")
    if run.epsilon is not None and not (math.isfinite(run.epsilon) and run.epsilon > 0):
        raise ValueError(f"epsilon is {run.epsilon!r}")
    return run
