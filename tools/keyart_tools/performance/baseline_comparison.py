"""keyart beside baseline libraries: the same slates, in alternating processes, each relative to its own bare run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from keyart_federated.worlds import SyntheticWorld

from .device_timing import BARE, ENGINES, TimedDevice
from .measurement import Measurement, NotMeasured

VENV = Path(".venv-bench")
INSTALL_HINT = "`make bench` in a checkout of keyart installs the baseline libraries and measures them."
TIMEOUT_SECONDS = 600.0
STANDARD = "VowpalWabbit"
STEPS = ("predict", "predict + learn")


def interpreter(folder: Path) -> Path | None:
    """Return the Python of the baseline libraries in `folder`; None if there is none."""
    places = (folder / VENV / "bin" / "python", folder / VENV / "Scripts" / "python.exe")
    return next((place for place in places if place.exists()), None)


@dataclass(frozen=True)
class BaselineComparison:
    """A prepared comparison; `turns` collects the output of `baseline_libraries.py`, including failures."""

    python: Path
    slates: Path
    bundle: Path
    folder: Path
    turns: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def prepared(cls, python: Path, world: SyntheticWorld, bundle: Path, folder: Path) -> BaselineComparison:
        """Write to `folder` what the libraries' Python needs, since it has no keyart."""
        package = folder / "performance"
        package.mkdir(parents=True)
        for name in ("__init__.py", "interleaved_timing.py", "ranker_baseline.py", "baseline_libraries.py"):
            shutil.copy(Path(__file__).with_name(name), package / name)
        slates = folder / "slates.json"
        slates.write_text(json.dumps(slates_of(world)), encoding="utf-8")
        return cls(python.absolute(), slates, bundle, folder)

    def turn(self, times: int) -> None:
        """Measure every library once more, in a new process."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        command = [
            str(self.python),
            "-m",
            "performance.baseline_libraries",
            str(self.slates),
            str(self.bundle),
            str(times),
        ]
        reason = ""
        try:
            done = subprocess.run(  # noqa: S603
                command,
                cwd=self.folder,
                env=inherited,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            self.turns.append(json.loads(done.stdout.splitlines()[-1]))
        except (OSError, subprocess.TimeoutExpired) as error:
            self._failed(str(error))
        except (ValueError, IndexError):
            self._failed(reason)

    def _failed(self, reason: str) -> None:
        self.turns.append({"peers": [], "absent": [{"name": "all peers", "reason": reason}]})

    def rows(self, device: TimedDevice) -> tuple[list[Measurement], list[NotMeasured]]:
        """Return the libraries' rows, and keyart relative to VowpalWabbit."""
        measured = medians(self.turns, device.bare_us)
        rows = []
        for (name, step), (figure, ratio, note) in measured.items():
            rows.append(Measurement("peers", f"{name}: {step}", figure, "µs", ratio, BARE, note=note))
        rows += against_standard(device, measured)
        reasons = {entry["name"]: entry["reason"] for turn in self.turns for entry in turn["absent"]}
        return rows, [NotMeasured(name, reason) for name, reason in reasons.items()]


def prepare_comparison(
    enabled: bool, peers_at: Path, world: SyntheticWorld, bundle: Path, folder: Path
) -> BaselineComparison | NotMeasured:
    """Prepare the comparison, or return the reason why it is not measured; `enabled` is False for a quick run."""
    if not enabled:
        return NotMeasured("peers", f"left out of a quick run. {INSTALL_HINT}")
    python = interpreter(peers_at)
    if python is None:
        return NotMeasured("peers", f"there is no {VENV} here. {INSTALL_HINT}")
    return BaselineComparison.prepared(python, world, bundle, folder)


BaselineTimes = dict[tuple[str, str], tuple[float, float, str]]  # (baseline, step): microseconds, in bare runs, note


def medians(turns: list[dict[str, Any]], bare_us: float) -> BaselineTimes:
    """Return the medians over the turns; `bare_us` stands in for a bare run where onnxruntime is not installed."""
    samples: dict[tuple[str, str], list[tuple[float, float]]] = {}
    notes: dict[str, str] = {}
    for turn in turns:
        for baseline in turn["peers"]:
            times = baseline["microseconds"]
            notes[baseline["name"]] = f"{baseline['version']}; {baseline['note']}"
            for step in STEPS:
                if step in times:
                    pair = (times[step], times[step] / times.get("bare", bare_us))
                    samples.setdefault((baseline["name"], step), []).append(pair)
    return {
        (name, step): (median(us for us, _ in pairs), median(ratio for _, ratio in pairs), notes[name])
        for (name, step), pairs in samples.items()
    }


def against_standard(device: TimedDevice, measured: BaselineTimes) -> list[Measurement]:
    """Compare keyart with VowpalWabbit, each in bare runs of its own process; below 1, keyart is faster."""
    if any((STANDARD, step) not in measured for step in STEPS):
        return []
    predict, both = (measured[STANDARD, step][1] for step in STEPS)
    rows = []
    for engine in ENGINES:
        choose_us, observe_us = median(device.choose[engine]), median(device.observe[engine])
        choose = choose_us / median(device.choose[BARE])
        observe = observe_us / median(device.observe[BARE])
        rows += [
            _against("choose", engine, choose_us, choose / predict, STEPS[0]),
            _against("observe", engine, observe_us, observe / both, STEPS[1], reach=1.0),
            _against("choose + observe", engine, choose_us + observe_us, (choose + observe) / both, STEPS[1]),
        ]
    return rows


def _against(what: str, engine: str, us: float, ratio: float, step: str, reach: float | None = None) -> Measurement:
    return Measurement("peers", f"{what} against {STANDARD}, {engine}", us, "µs", ratio, f"its {step}", reach)


def slates_of(world: SyntheticWorld) -> dict[str, Any]:
    """Return the viewer's tags (shares of watched tags, and the context) and each title's artworks."""
    watched: defaultdict[str, float] = defaultdict(float)
    for view in world.history(0):
        for tag, weight in world.catalog[view.title_id].tags.items():
            watched[tag] += weight
    total = sum(watched.values())
    context = world.impression(0, 0)[1]
    viewer = {tag: count / total for tag, count in sorted(watched.items())}
    viewer |= {f"device:{context.device}": 1.0, f"daypart:{context.daypart}": 1.0}
    order = np.random.default_rng(5).permutation(len(world.catalog))
    titles = [world.catalog.titles[int(place)] for place in order]
    return {"viewer": viewer, "slates": [[dict(artwork.tags) for artwork in title.artworks] for title in titles]}
