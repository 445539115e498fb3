"""Speed of a simulated fleet, and what each part of an update costs."""

from __future__ import annotations

import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType
from typing import Any, Final

from keyart.dp import round_vectors
from keyart_federated import campaigns, simulate
from keyart_federated.simulation.device_vectors import vectors_of
from keyart_federated.simulation.devices import Devices
from keyart_federated.worlds import SyntheticWorld

from .measurement import Measurement

# Functions that do the parts of an update, none of which calls another one.
PARTS: Final[Mapping[str, Callable[..., Any]]] = {
    "devices made": Devices.__init__,
    "bundle installed, heads re-fitted": Devices.install,
    "impressions played": Devices.step,
    "vectors made": vectors_of,
    "vectors rounded": round_vectors,
    "server's request": campaigns.ask,
    "server's step": campaigns.read,
}


def rows(viewers: int, steps: int, rounds: int) -> list[Measurement]:
    """Return client updates and impressions per second of federated rounds, and the time of each part of an update.

    The former are measured with a process for each processor, the latter in a run of one process.
    """
    world = SyntheticWorld(viewers=viewers, impressions=steps * rounds)
    with tempfile.TemporaryDirectory(prefix="keyart-bench-") as folder:
        report = simulate(world, steps, rounds, out=Path(folder) / "bundle")
        profile = cProfile.Profile(time.process_time)
        start = time.process_time()
        one_process = profile.runcall(simulate, world, steps, rounds, workers=1, out=Path(folder) / "profiled")
        whole = time.process_time() - start
    size = f"{viewers} devices, {rounds} rounds of {steps} impressions"
    impressions = report.devices * report.rounds * report.steps_per_round / report.seconds
    spent = pstats.Stats(profile).stats  # type: ignore[attr-defined] # by file, line and name
    seconds = {name: spent.get(_key(part.__code__), (0, 0, 0.0, 0.0))[3] for name, part in PARTS.items()}
    return [
        Measurement("simulation", "client updates", report.client_updates_per_second, "/s", note=size),
        Measurement("simulation", "device impressions", impressions, "/s", note=size),
        *(
            Measurement(
                "simulation",
                f"an update: {name}",
                1e6 * spent_seconds / one_process.client_updates,
                "µs",
                note=f"{spent_seconds / whole:.0%} of the processor time of one process, profiled",
            )
            for name, spent_seconds in seconds.items()
        ),
    ]


def _key(code: CodeType) -> tuple[str, int, str]:
    return code.co_filename, code.co_firstlineno, code.co_name
