"""A chart of a log's estimates: one interval a line, over what the log itself earned."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from keyart.bundle import replace_file
from keyart.errors import FederatedError, SettingError

from .policy_verdict import PolicyVerdict

FORMATS: Final = (".png", ".svg", ".pdf")
LABELS: Final = {
    "logged": "what the log earned",
    "ips": "inverse propensity",
    "snips": "self-normalised",
    "dr": "doubly robust",
    "switch": "doubly robust, switch",
    "shrinkage": "doubly robust, shrunk",
}
POLICY, LOGGED, INK, FAINT = "#e4572e", "#8a8f98", "#444444", "#eeeeee"


def draw(verdict: PolicyVerdict, path: Path) -> None:
    """Write the chart, whole or not at all.

    Raises:
        SettingError: The name has no known ending.
        FederatedError: Matplotlib is not installed.
        OSError: The file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise SettingError(f"A chart cannot be written to {path}; end its name in {', '.join(FORMATS)}.")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise FederatedError("A chart needs matplotlib: install keyart[tools].") from None
    rows = {"logged": verdict.logged, **verdict.estimates}
    figure = Figure(figsize=(8.4, 1.7 + 0.36 * len(rows)), dpi=140, layout="constrained")
    axes = figure.subplots()
    for line, (name, found) in enumerate(rows.items()):
        colour = LOGGED if name == "logged" else POLICY
        strong = name in ("logged", verdict.by)
        axes.hlines(line, found.low, found.high, color=colour, linewidth=2.6 if strong else 1.4)
        axes.plot(found.value, line, "o", color=colour, markersize=6, markerfacecolor=colour if strong else "white")
        axes.annotate(
            f"{found.value:.4f}", (1, line), (44, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
            ha="right", va="center", fontsize=9, color=INK, weight="bold" if strong else "normal",
        )  # fmt: skip
    axes.axvline(verdict.logged.value, color=LOGGED, linewidth=1, linestyle=":", zorder=0)
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
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)
    picture = io.BytesIO()
    figure.savefig(picture, format=path.suffix[1:].lower())
    replace_file(path, picture.getvalue())
