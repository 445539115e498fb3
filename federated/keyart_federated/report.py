"""Report: what a simulation found, with intervals; as JSON and as a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from keyart.errors import FederatedError

Interval = tuple[float, float]


@dataclass(frozen=True)
class Report:
    """Figures of one simulation. interval: 95 %, over devices, by the name of the figure.

    policy_value, random_value, best_fixed_value, oracle_value: expected reward an impression. capture: share of the
    way from random to oracle. last_quarter_value, last_quarter_capture: over the last quarter of the impressions.
    capture_by_round: one a round. propensities_ok: whether frequencies of choices fit the logged propensities
    (chi-square, p > .001). bytes_up, bytes_down: a device, all rounds. bundle: path of the last bundle.
    """

    world: str
    devices: int
    rounds: int
    steps_per_round: int
    seed: int
    policy_value: float
    random_value: float
    best_fixed_value: float
    oracle_value: float
    capture: float
    best_fixed_capture: float
    last_quarter_value: float
    last_quarter_capture: float
    capture_by_round: tuple[float, ...]
    lift_over_random: float
    lift_over_best_fixed: float
    interval: Mapping[str, Interval]
    propensities_ok: bool
    propensities_p: float
    client_updates: int
    client_updates_per_second: float
    seconds: float
    epsilon: float | None
    delta: float | None
    bytes_up: int
    bytes_down: int
    bundle: Path

    def to_dict(self) -> dict[str, Any]:
        """Plain values; an infinite end of an interval (one device) becomes null."""
        document = asdict(self)
        document["bundle"] = str(self.bundle)
        document["capture_by_round"] = list(self.capture_by_round)
        document["interval"] = {
            name: [x if math.isfinite(x) else None for x in ends] for name, ends in self.interval.items()
        }
        return document

    def to_json(self) -> str:
        """The same as text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False)

    def plot(self, path: str | Path) -> None:
        """Capture by round as a PNG or SVG, by the name's ending. Needs matplotlib (`keyart[tools]`)."""
        plot_learning({"keyart": self}, path)


def plot_learning(reports: Mapping[str, Report], path: str | Path) -> None:
    """Capture by round of several reports on the same world, over the best fixed artwork and the oracle."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise FederatedError("A plot needs matplotlib: install keyart[tools].") from None
    figure = Figure(figsize=(9, 5), dpi=140, layout="constrained")
    axes = figure.add_subplot()
    colours = ("#e4572e", "#17607a", "#8a8f98", "#6b4e9b", "#3b8f5a")
    some = next(iter(reports.values()))
    ends: list[tuple[float, str, str]] = []
    for (name, report), colour in zip(reports.items(), colours, strict=False):
        rounds = range(1, len(report.capture_by_round) + 1)
        axes.plot(rounds, report.capture_by_round, color=colour, linewidth=2.2, marker="o", markersize=3.5)
        ends.append((report.capture_by_round[-1], name, colour))
    ends.append((some.best_fixed_capture, "best fixed artwork", "#444444"))
    axes.hlines(some.best_fixed_capture, 1, some.rounds, color="#444444", linestyle=(0, (4, 3)), linewidth=1.2)
    axes.axhline(0, color="#bbbbbb", linewidth=1)
    # Names stand at the ends of their lines, moved apart where they would overlap.
    ends.sort(key=lambda end: end[0])
    top = max(end[0] for end in ends)
    bottom = min(0.0, *(value for report in reports.values() for value in report.capture_by_round))
    gap = (top - bottom) * 0.055
    place = -math.inf
    for value, name, colour in ends:
        place = max(value, place + gap)
        axes.annotate(
            f" {name}  {value:.2f}",
            (some.rounds, place),
            color=colour,
            va="center",
            fontsize=10,
            annotation_clip=False,
        )
    axes.set_xlim(1, some.rounds + max(1, some.rounds * 0.36))
    axes.set_xticks([r for r in axes.get_xticks() if 1 <= r <= some.rounds and float(r).is_integer()])
    axes.set_xlabel("round")
    axes.set_ylabel("capture (0: random picture, 1: oracle)")
    axes.set_title(
        f"How much of the possible gain each round captured\n{some.world}: {some.devices} devices, "
        f"{some.steps_per_round} impressions a round",
        loc="left",
        fontsize=11,
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eeeeee")
    try:
        figure.savefig(str(path))
    except (OSError, ValueError) as error:
        raise FederatedError(f"The plot cannot be written to {path}: {error}.") from None
