"""Speed of a simulated fleet."""

from __future__ import annotations

import tempfile
from pathlib import Path

from keyart_federated import simulate
from keyart_federated.worlds import SyntheticWorld

from .measurement import Measurement


def rows(viewers: int, steps: int, rounds: int) -> list[Measurement]:
    """Return client updates and impressions per second of federated rounds in one process."""
    world = SyntheticWorld(viewers=viewers, impressions=steps * rounds)
    with tempfile.TemporaryDirectory(prefix="keyart-bench-") as folder:
        report = simulate(world, steps, rounds, out=Path(folder) / "bundle")
    size = f"{viewers} devices, {rounds} rounds of {steps} impressions"
    impressions = report.devices * report.rounds * report.steps_per_round / report.seconds
    return [
        Measurement("simulation", "client updates", report.client_updates_per_second, "/s", note=size),
        Measurement("simulation", "device impressions", impressions, "/s", note=size),
    ]
