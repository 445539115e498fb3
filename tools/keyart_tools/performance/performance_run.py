"""A run of `keyart bench`: measures everything and writes device.json and device.png."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import keyart
from keyart_federated import simulate
from keyart_federated.export import write_bundle
from keyart_federated.worlds import SyntheticWorld

from . import (
    cold_start,
    device_timing,
    gateway_load,
    noise_timing,
    sample_profile,
    secagg_timing,
    simulation_speed,
    stored_sizes,
    tagging_time,
)
from .baseline_comparison import BaselineComparison, prepare_comparison
from .measurement import Measurement, NotMeasured
from .performance_chart import draw
from .ranker_baseline import SLATE

FORMAT = "keyart-bench/1"


@dataclass(frozen=True)
class PerformanceSettings:
    """Numbers of repetitions.

    Attributes:
        turns: alternations of keyart and the baseline libraries.
        choices, pages, outcomes, slates: operations per turn.
        starts: processes of each kind.
        days: days of history in the sample profile.
        viewers, steps, rounds: size of the simulation.
        sums: secure aggregation rounds of each size but the largest, which runs once; 0 skips them and the noise.
        drawings: repetitions of each noise measurement.
        films: repetitions of tagging a film.
        gateway_seconds: duration of the load on each database; 0 skips it.
        peers: whether to measure the baseline libraries.
    """

    turns: int = 5
    choices: int = 800
    pages: int = 30
    outcomes: int = 300
    slates: int = 200
    starts: int = 9
    days: int = 90
    viewers: int = 500
    steps: int = 5
    rounds: int = 8
    sums: int = 3
    drawings: int = 200
    films: int = 1
    gateway_seconds: float = 30.0
    peers: bool = True


QUICK = PerformanceSettings(
    turns=1,
    choices=60,
    pages=3,
    outcomes=20,
    slates=20,
    starts=1,
    days=3,
    viewers=20,
    rounds=2,
    sums=0,
    films=0,
    gateway_seconds=0.0,
    peers=False,
)


@dataclass(frozen=True)
class PerformanceResult:
    """The measurements, what could not be measured, and both as written to device.json."""

    rows: tuple[Measurement, ...]
    absent: tuple[NotMeasured, ...]
    document: dict[str, Any]


def run(
    effort: PerformanceSettings, out: Path, peers_at: Path, tell: Callable[[int, int], None]
) -> PerformanceResult:
    """Measure, and write device.json and device.png to the folder `out`, which is created first.

    Args:
        effort: numbers of repetitions.
        out: output folder.
        peers_at: folder that may hold `.venv-bench` with the baseline libraries.
        tell: called with the number of steps done and the total number.

    Raises:
        KeyartError: a measurement failed.
        OSError: a file cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    done, of = 0, effort.turns + effort.starts + 5 + (effort.sums + 1 if effort.sums else 0)

    def step() -> None:
        nonlocal done
        done += 1
        tell(done, of)

    tell(0, of)
    with tempfile.TemporaryDirectory(prefix="keyart-bench-") as temporary:
        folder = Path(temporary)
        rows, absent = _measure_decisions(effort, folder, peers_at, step)
        at_home = _measure_profile(effort, folder, step)
        rows += at_home[0] + simulation_speed.rows(effort.viewers, effort.steps, effort.rounds)
        absent += at_home[1]
        step()
    for more in (_measure_secagg(effort, step), _measure_gateway(effort), tagging_time.rows(effort.films)):
        rows += more[0]
        absent += more[1]
    step()
    document = {
        "format": FORMAT,
        "quick": effort == QUICK,
        "machine": {
            "python": platform.python_version(),
            "system": platform.system(),
            "processor": platform.machine(),
            "cpus": os.cpu_count(),
        },
        "rows": [row.to_dict() for row in rows],
        "absent": [{"name": entry.name, "reason": entry.reason} for entry in absent],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "device.json").write_text(text + "\n", encoding="utf-8")
    draw(rows, out / "device.png")
    return PerformanceResult(tuple(rows), tuple(absent), document)


def _measure_decisions(
    effort: PerformanceSettings, folder: Path, peers_at: Path, step: Callable[[], None]
) -> tuple[list[Measurement], list[NotMeasured]]:
    world, bundle = device_timing.world(), folder / "bundle"
    trainees = SyntheticWorld(viewers=20, titles=device_timing.TITLES, artworks=SLATE, impressions=5)
    simulate(trainees, 5, 1, out=bundle)
    step()
    comparison = prepare_comparison(effort.peers, peers_at, world, bundle, folder / "peers")
    viewer = device_timing.TimedViewer.detailed(datetime.now(UTC))
    with (
        device_timing.open_device(device_timing.TimedViewer.of(world), bundle, folder) as measured,
        device_timing.open_device(viewer, *_untrained(viewer.catalog, folder / "detailed")) as detailed,
    ):
        for turn in range(effort.turns):
            measured.turn(effort.choices, effort.pages, effort.outcomes, seed=turn)
            detailed.turn(effort.choices, effort.pages, effort.outcomes, seed=turn)
            if isinstance(comparison, BaselineComparison):
                comparison.turn(effort.slates)
            step()
    rows, absent = comparison.rows(measured) if isinstance(comparison, BaselineComparison) else ([], [comparison])
    more = detailed.ratios(device_timing.DETAILED_TARGETS, device_timing.DETAILED)
    return [*measured.rows(), *chain(*more), *rows], absent


def _untrained(titles: keyart.Catalog, folder: Path) -> tuple[Path, Path]:
    """Return a bundle of made-up weights, in a folder that is created, and the folder."""
    folder.mkdir()
    training = {"round": 1, "devices": 1}
    bundle = write_bundle(folder / "bundle", sample_profile.model(titles), titles, data="Made up.", training=training)
    return bundle, folder


def _measure_profile(
    effort: PerformanceSettings, folder: Path, step: Callable[[], None]
) -> tuple[list[Measurement], list[NotMeasured]]:
    titles, profile = sample_profile.catalog(), folder / "profile"
    bundle, _ = _untrained(titles, folder / "household")
    profile.mkdir()
    sample_profile.fill_profile(profile / "profile.db", titles, bundle, effort.days)
    step()
    stored = stored_sizes.rows(profile, bundle, effort.days)
    starts = cold_start.measure_starts(profile, bundle, folder / "starts", effort.starts, step)
    rows, absent = cold_start.rows(starts)
    return rows + stored, absent


def _measure_secagg(
    effort: PerformanceSettings, step: Callable[[], None]
) -> tuple[list[Measurement], list[NotMeasured]]:
    if not effort.sums:
        return [], [NotMeasured("private sums", "left out of a quick run: the largest takes half a minute.")]
    rounds = secagg_timing.SecaggRounds()
    for turn in range(effort.sums):
        rounds.turn()
        step()
        if not turn:  # between those of few devices, with which it is compared
            rounds.crowd()
            step()
    return rounds.rows() + noise_timing.rows(effort.drawings), []


def _measure_gateway(effort: PerformanceSettings) -> tuple[list[Measurement], list[NotMeasured]]:
    if not effort.gateway_seconds:
        return [], [NotMeasured("the gateway", "left out of a quick run: it takes minutes.")]
    return gateway_load.rows(effort.gateway_seconds)
