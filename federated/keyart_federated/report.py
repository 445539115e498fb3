"""The report of a simulation: metrics with intervals, as JSON and as a chart."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .charts import picture
from .charts.picture import COOL, GREY, INK, RULE, WARM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Interval = tuple[float, float]


@dataclass(frozen=True)
class Report:
    """The results of a simulation.

    Metrics from `exposure_by_decile` to `clickbait_rate` are those of `fairness.Fairness`.

    Attributes:
        policy_value: Expected reward of an impression. `random_value`, `best_fixed_value` and `oracle_value`
            are those of the references.
        capture: Normalised policy value, (policy − random) / (oracle − random).
        last_quarter_value: The value over the last quarter of the impressions; so is `last_quarter_capture`.
        capture_by_round: Capture of each simulated round.
        interval: 95 % intervals over devices, by name of the metric.
        propensities_ok: Whether frequencies of choices fit the logged propensities (chi-square, p > .001).
        bytes_up: Bytes that a device sent in all rounds; `bytes_down` are those that it received.
        bundle: Path of the last bundle.
        random_clickbait_rate: Clickbait rate of random artworks. It is None until somebody plays them on the
            same impressions (`beside`), since a simulation asks for the outcome of one artwork an impression, its
            own. So is `best_fixed_clickbait_rate`.
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
    exposure_by_decile: tuple[float, ...]
    capture_by_decile: tuple[float, ...]
    coverage: float
    exposure_gini: float
    random_exposure_gini: float
    bottom_half_plays_gained: float
    bottom_half_lift: float
    tag_entropy_first_quarter: float
    tag_entropy_last_quarter: float
    clickbait_rate: float
    random_clickbait_rate: float | None = None
    best_fixed_clickbait_rate: float | None = None

    def beside(self, random_clickbait_rate: float, best_fixed_clickbait_rate: float) -> Report:
        """Return the report with the clickbait rates of random and of best fixed artworks."""
        return replace(
            self,
            random_clickbait_rate=random_clickbait_rate,
            best_fixed_clickbait_rate=best_fixed_clickbait_rate,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values. An infinite end of an interval (one device) becomes None."""
        document = asdict(self)
        document["bundle"] = str(self.bundle)
        for name in ("capture_by_round", "exposure_by_decile", "capture_by_decile"):
            document[name] = list(document[name])
        document["interval"] = {
            name: [x if math.isfinite(x) else None for x in ends] for name, ends in self.interval.items()
        }
        return document

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False)

    def plot(self, path: str | Path) -> None:
        """Draw capture by round and by decile of titles, and how healthy the choices were.

        Args:
            path: PNG or SVG, by the name's ending.

        Raises:
            FederatedError: Matplotlib is not installed (`keyart[tools]`), or the file cannot be written.
            SettingError: The name has another ending.
        """
        figure = picture.figure(13, 5.4)
        grid = figure.add_gridspec(2, 2, width_ratios=(8, 5))
        _draw_learning(figure.add_subplot(grid[:, 0]), {"keyart": self})
        _draw_deciles(figure.add_subplot(grid[0, 1]), self)
        _draw_shares(figure.add_subplot(grid[1, 1]), self)
        picture.save(figure, path)


def plot_learning(reports: Mapping[str, Report], path: str | Path) -> None:
    """Draw capture by round of several reports on the same world, over the best fixed artwork and the oracle."""
    figure = picture.figure(9, 5)
    _draw_learning(figure.add_subplot(), reports)
    picture.save(figure, path)


def _draw_deciles(axes: Axes, report: Report) -> None:
    places = range(1, len(report.exposure_by_decile) + 1)
    axes.bar(places, report.exposure_by_decile, color=GREY, label="share of the impressions")
    axes.plot(places, report.capture_by_decile, color=WARM, linewidth=2, marker="o", markersize=3.5, label="capture")
    axes.axhline(0, color=RULE, linewidth=1)
    axes.set_xticks(list(places))
    axes.set_xlabel("tenth of the titles, from the least shown to the most", fontsize=9)
    axes.set_title("Do rarely shown titles gain, too?", loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=8, loc="best")
    picture.plain(axes, "y")


def _draw_shares(axes: Axes, report: Report) -> None:
    rows = [
        ("pictures ever shown", report.coverage, COOL),
        ("inequality of showings (Gini)", report.exposure_gini, COOL),
        ("the same of random pictures", report.random_exposure_gini, GREY),
        ("plays abandoned", report.clickbait_rate, WARM),
        ("the same of random pictures", report.random_clickbait_rate, GREY),
        ("the same of best fixed pictures", report.best_fixed_clickbait_rate, GREY),
    ]
    known = [(name, value, colour) for name, value, colour in rows if value is not None]
    for place, (name, value, colour) in enumerate(known):
        axes.barh(place, value, color=colour, height=0.6)
        axes.annotate(f" {value:.2f}  {name}", (value, place), va="center", fontsize=9, color=INK)
    axes.set_xlim(0, 2.2)  # names stand behind their bars
    axes.set_xticks([0, 1])
    axes.set_yticks([])
    axes.invert_yaxis()
    first, last = report.tag_entropy_first_quarter, report.tag_entropy_last_quarter
    axes.set_title(f"Tags a viewer sees: {first:.2f} bits at first, {last:.2f} at last", loc="left", fontsize=11)
    picture.plain(axes, "x")


def _draw_learning(axes: Axes, reports: Mapping[str, Report]) -> None:
    some = next(iter(reports.values()))
    ends: list[tuple[float, str, str]] = []
    for (name, report), colour in zip(reports.items(), picture.COLOURS, strict=False):
        rounds = range(1, len(report.capture_by_round) + 1)
        axes.plot(rounds, report.capture_by_round, color=colour, linewidth=2.2, marker="o", markersize=3.5)
        ends.append((report.capture_by_round[-1], name, colour))
    ends.append((some.best_fixed_capture, "best fixed artwork", INK))
    axes.hlines(some.best_fixed_capture, 1, some.rounds, color=INK, linestyle=(0, (4, 3)), linewidth=1.2)
    axes.axhline(0, color=RULE, linewidth=1)
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
    picture.plain(axes, "y")
