"""device.png: one bar per target, with the target as a tick, and keyart among the baseline libraries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keyart_federated.charts import picture
from keyart_federated.charts.picture import COOL, GREY, INK, RULE, WARM

from .device_timing import BARE, ENGINES
from .measurement import Measurement
from .ranker_baseline import SLATE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KEPT, BROKEN, PEER = COOL, WARM, GREY
MAX_BAR = 2.0  # of the way to the tick: a longer bar is cut off, and its label says how long it is
INCHES_PER_ROW = 0.34


def draw(rows: Sequence[Measurement], path: Path) -> None:
    """Draw the chart.

    Raises:
        FederatedError: the file cannot be written.
    """
    promises = [row for row in rows if row.reach is not None]
    field = [row for row in rows if row.group == "peers" and row.against == BARE]
    heights = [len(promises) + 2, len(field) + len(_ours(rows)) + 2][: 2 if field else 1]
    figure = picture.figure(10.5, INCHES_PER_ROW * sum(heights) + 0.9)
    figure.set_facecolor("white")
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _promises(axes[0], promises)
    if field:
        _field(axes[1], [*_ours(rows), *field])
    picture.save(figure, path)


def figure_text(row: Measurement) -> str:
    """Format the measured value with its unit."""
    if row.unit == "bytes":
        return f"{row.figure / 1000:,.1f} kB"
    if row.unit == "/s":
        return f"{row.figure:,.0f} /s"
    return f"{row.figure:,.0f} {row.unit}" if row.figure >= 100 else f"{row.figure:.1f} {row.unit}"


def judged_text(row: Measurement) -> str:
    """Format what the target applies to: the ratio if there is one, else the value."""
    if row.ratio is None:
        return figure_text(row)
    return f"{row.judged:.3g} × {row.against}"


def reach_text(row: Measurement) -> str:
    """Format the target in the unit of `judged_text`."""
    if row.reach is None:
        return ""
    if row.ratio is not None:
        return f"≤ {row.reach:g} ×"
    return f"≤ {row.reach / 1000:,.0f} kB" if row.unit == "bytes" else f"≤ {row.reach:g} {row.unit}"


def _promises(axes: Axes, rows: Sequence[Measurement]) -> None:
    places = range(len(rows))
    shares = [row.judged / row.reach if row.reach else 0.0 for row in rows]
    colours = [KEPT if row.met else BROKEN for row in rows]
    axes.barh(places, [min(share, MAX_BAR) for share in shares], color=colours, height=0.62)
    for place, row, share in zip(places, rows, shares, strict=True):
        axes.plot([1, 1], [place - 0.42, place + 0.42], color=INK, linewidth=2.4, solid_capstyle="butt")
        text = f"{judged_text(row)}   ({reach_text(row)})"
        axes.annotate(
            text,
            (max(min(share, MAX_BAR), 1.0), place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK if row.met else BROKEN,
        )
    axes.set_xlim(0, 1.45 * MAX_BAR)  # room for the labels
    axes.set_xticks([0, 0.5, 1], ["0", "½", "bar to reach"])
    axes.set_title(
        "Each promise: kept where the bar ends before the tick; cut at twice the tick",
        loc="left",
        fontsize=12,
        color=INK,
    )
    _labelled(axes, rows)


def _field(axes: Axes, rows: Sequence[Measurement]) -> None:
    ratios = [row.ratio or 0.0 for row in rows]
    colours = [KEPT if row.group == "choosing" else PEER for row in rows]
    places = range(len(rows))
    axes.barh(places, ratios, color=colours, height=0.62)
    axes.set_xscale("log")
    axes.set_xlim(min(1.0, *ratios) * 0.8, max(ratios) * 4)
    axes.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
    axes.minorticks_off()
    for place, row in zip(places, rows, strict=True):
        axes.annotate(
            f"{row.judged:.3g} ×   ({figure_text(row)})",
            (row.judged, place),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
    axes.set_xlabel(f"in {BARE}s of the ranker (logarithmic)", fontsize=9)
    axes.set_title(
        f"One slate of {SLATE} beside baseline libraries, which store nothing",
        loc="left",
        fontsize=12,
        color=INK,
    )
    _labelled(axes, rows)


def _ours(rows: Sequence[Measurement]) -> list[Measurement]:
    names = {f"{what}, {engine}" for what in ("choose", "observe") for engine in ENGINES}
    return [row for row in rows if row.group == "choosing" and row.name in names]


def _labelled(axes: Axes, rows: Sequence[Measurement]) -> None:
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=9.5)
    axes.set_ylim(len(rows) - 0.3, -0.7)  # the first row on top
    picture.plain(axes, left=False)
    axes.spines["bottom"].set_color(RULE)
    axes.tick_params(axis="x", colors="#555555")
