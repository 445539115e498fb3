"""suite.png: a panel a world, a line a policy, capture with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from keyart.errors import KeyartError
from keyart_federated.report import Interval

OURS, PEER, INK = "#e4572e", "#17607a", "#444444"
REFERENCES = ("best fixed", "random")
Entry = tuple[str, str, Mapping[str, float], Mapping[str, Interval]]  # world, policy, figures, intervals


def draw(entries: Sequence[Entry], about: str, path: Path) -> None:
    """Last quarter as a dot with its interval, the whole run as a ring. Raises KeyartError where matplotlib is not
    installed, OSError."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
    except ImportError:
        raise KeyartError("The chart needs matplotlib: install keyart[tools].") from None
    worlds = list(dict.fromkeys(world for world, *_ in entries))
    policies = list(dict.fromkeys(policy for _, policy, *_ in entries))
    figure = Figure(figsize=(2.2 + 3.0 * len(worlds), 1.9 + 0.42 * len(policies)), dpi=140, layout="constrained")
    panels = figure.subplots(1, len(worlds), sharex=True, sharey=True, squeeze=False)[0]
    for axes, world in zip(panels, worlds, strict=True):
        for name, policy, figures, interval in entries:
            if name != world:
                continue
            place = policies.index(policy)
            colour = OURS if policy == "keyart" else INK if policy in REFERENCES else PEER
            last = figures["last_quarter_capture"]
            axes.hlines(place, *interval["last_quarter_capture"], color=colour, linewidth=2)
            axes.plot(last, place, "o", color=colour, markersize=6)
            axes.plot(figures["capture"], place, "o", markerfacecolor="white", color=colour, markersize=5, zorder=1)
            axes.annotate(f"{last:z.2f}", (last, place), (0, 7), textcoords="offset points", ha="center", fontsize=8)
        axes.set_title(world, loc="left", fontsize=11)
        axes.axvline(0, color="#bbbbbb", linewidth=1, zorder=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="#eeeeee")
        axes.set_axisbelow(True)
    panels[0].set_yticks(range(len(policies)), policies)
    panels[0].set_ylim(len(policies) - 0.5, -0.7)
    panels[0].set_xlabel("capture (0: random picture, 1: oracle)", loc="left")
    figure.suptitle(f"How much of the possible gain each policy captured: {about}", x=0.01, ha="left", fontsize=12)
    handles = [
        Line2D([], [], marker="o", color=INK, linewidth=2, label="last quarter, 95 % interval"),
        Line2D([], [], marker="o", color=INK, markerfacecolor="white", linewidth=0, label="whole run"),
    ]
    figure.legend(handles=handles, loc="outside lower right", ncols=2, fontsize=9, frameon=False)
    figure.savefig(path)
