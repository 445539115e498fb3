"""A chart of a log's estimates: one interval a line, over what the log itself earned."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..charts import picture
from ..charts.picture import FADED, INK, WARM
from .policy_verdict import PolicyVerdict

LABELS: Final = {
    "logged": "what the log earned",
    "ips": "inverse propensity",
    "snips": "self-normalised",
    "dr": "doubly robust",
    "switch": "doubly robust, switch",
    "shrinkage": "doubly robust, shrunk",
}


def draw(verdict: PolicyVerdict, path: Path) -> None:
    """Write the chart, whole or not at all.

    Raises:
        SettingError: The name has no known ending.
        FederatedError: Matplotlib is not installed, or the file cannot be written.
    """
    rows = {"logged": verdict.logged, **verdict.estimates}
    figure = picture.figure(8.4, 1.7 + 0.36 * len(rows))
    axes = figure.subplots()
    for line, (name, found) in enumerate(rows.items()):
        colour = FADED if name == "logged" else WARM
        strong = name in ("logged", verdict.by)
        axes.hlines(line, found.low, found.high, color=colour, linewidth=2.6 if strong else 1.4)
        axes.plot(found.value, line, "o", color=colour, markersize=6, markerfacecolor=colour if strong else "white")
        axes.annotate(
            f"{found.value:.4f}", (1, line), (44, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
            ha="right", va="center", fontsize=9, color=INK, weight="bold" if strong else "normal",
        )  # fmt: skip
    axes.axvline(verdict.logged.value, color=FADED, linewidth=1, linestyle=":", zorder=0)
    axes.set_yticks(range(len(rows)), [LABELS[name] for name in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"reward a decision, {100 * verdict.level:g} % intervals", loc="left")
    overlap = verdict.overlap
    axes.set_title(
        f"{verdict.sentence.partition(':')[0]}\n", loc="left", fontsize=12, color=INK, weight="bold", pad=2
    )
    axes.annotate(
        f"{overlap.decisions:,} decisions, of which {overlap.effective:,.0f} count", (0, 1), (0, 6),
        xycoords="axes fraction", textcoords="offset points", fontsize=9, color=INK,
    )  # fmt: skip
    picture.plain(axes, "x", left=False)
    picture.save(figure, path)
