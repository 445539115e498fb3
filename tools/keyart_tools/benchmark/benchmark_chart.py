"""suite.png: one panel per world, one line per policy, capture with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from keyart_federated.charts import picture
from keyart_federated.charts.picture import COOL, FADED, INK, PALE, RULE, WARM

from .policies import GROUPS, KEYART, Group
from .scores import PolicyScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: dict[Group, str] = {
    "keyart": WARM,
    "variant": PALE,
    "peer": COOL,
    "reference": FADED,
}
LABELS: dict[Group, str] = {
    "keyart": "keyart",
    "variant": "keyart with a part changed",
    "peer": "baselines",
    "reference": "references",
}
LAST_AT, WHOLE_AT = 28, 60  # where the columns of numbers end, in points right of the panel
HEAD_LINE = -0.85
PANELS_A_LINE = 4
LINE_INCHES, PANEL_INCHES, NAMES_INCHES = 0.27, 3.5, 1.5
GAP_LINES = 0.5  # between groups
ChartEntry = tuple[str, str, PolicyScore]  # world, policy
Weight = Literal["normal", "bold"]


def draw(entries: Sequence[ChartEntry], about: str, path: Path) -> None:
    """Draw the last quarter as a dot with its interval, and the whole run as a ring.

    Raises:
        FederatedError: the file cannot be written.
    """
    from matplotlib.lines import Line2D

    worlds = list(dict.fromkeys(world for world, *_ in entries))
    places = _places({policy for _, policy, _ in entries})
    across = min(PANELS_A_LINE, len(worlds))
    down = math.ceil(len(worlds) / across)
    height = LINE_INCHES * (max(places.values()) + 1) + 0.8
    size = (max(NAMES_INCHES + PANEL_INCHES * across, 6.5), height * down + 1.2)
    figure = picture.figure(*size)
    figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, world in zip(panels, worlds, strict=False):
        _draw_world(axes, world, {policy: score for name, policy, score in entries if name == world}, places)
    for axes in panels[len(worlds) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(worlds) - across) : len(worlds)]:  # with no other panel below
        axes.tick_params(labelbottom=True)
    panels[across * (down - 1)].set_xlabel("capture (0: random picture, 1: oracle)", loc="left")
    panels[0].set_yticks(list(places.values()), list(places))
    panels[0].set_ylim(max(places.values()) + 0.6, -1.1)
    for axes in panels[::across]:
        for label in axes.get_yticklabels():
            label.set_fontweight("bold" if label.get_text() == KEYART else "normal")
    figure.suptitle(f"How much of the possible gain each policy captured\n{about}", x=0.01, ha="left", fontsize=12)
    groups = [group for group in COLOURS if any(GROUPS[policy] == group for policy in places)]
    handles = [
        Line2D([], [], marker="o", color=INK, linewidth=2, label="last quarter, 95 % interval"),
        Line2D([], [], marker="o", color=INK, markerfacecolor="white", linewidth=0, label="whole run"),
        *(Line2D([], [], marker="s", color=COLOURS[group], linewidth=0, label=LABELS[group]) for group in groups),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=3, fontsize=9, frameon=False)
    picture.save(figure, path)


def _places(policies: set[str]) -> dict[str, float]:
    """Return the vertical place of each policy, with a gap between groups."""
    places: dict[str, float] = {}
    before, place = None, -1.0
    for policy, group in GROUPS.items():
        if policy not in policies:
            continue
        kind = "keyart" if group == "variant" else group
        place += 1 + (GAP_LINES if before not in (None, kind) else 0)
        places[policy], before = place, kind
    return places


def _draw_world(axes: Axes, world: str, scores: dict[str, PolicyScore], places: dict[str, float]) -> None:
    for policy, place in places.items():
        if policy not in scores:
            _beside(axes, "not played", WHOLE_AT, place, FADED)
            continue
        figures, interval = scores[policy].figures, scores[policy].interval
        colour, last, whole = COLOURS[GROUPS[policy]], figures["last_quarter_capture"], figures["capture"]
        low, high = interval["last_quarter_capture"]
        if math.isfinite(high - low):  # not so of a single device
            axes.hlines(place, low, high, color=colour, linewidth=2)
        axes.plot(last, place, "o", color=colour, markersize=6, zorder=2.2)
        axes.plot(whole, place, "o", markerfacecolor="white", color=colour, markersize=5, zorder=2.1)
        weight: Weight = "bold" if policy == KEYART else "normal"
        _beside(axes, _number(last), LAST_AT, place, INK, weight)
        _beside(axes, _number(whole), WHOLE_AT, place, FADED, weight)
    _beside(axes, "last", LAST_AT, HEAD_LINE, INK)
    _beside(axes, "whole", WHOLE_AT, HEAD_LINE, FADED)
    axes.set_title(world, loc="left", fontsize=11)
    axes.axvline(0, color=RULE, linewidth=1, zorder=0)
    picture.plain(axes, "x", left=False)


def _number(value: float) -> str:
    return f"{value:z.2f}".replace("-", "−")  # as on the axis


def _beside(axes: Axes, text: str, points: float, line: float, colour: str, weight: Weight = "normal") -> None:
    """Write text right of the panel, in the column that ends at `points`."""
    axes.annotate(
        text,
        (1, line),
        (points, 0),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        color=colour,
        weight=weight,
        va="center",
        ha="right",
        fontsize=8,
    )
