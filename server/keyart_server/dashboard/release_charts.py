"""Charts of a release: the measured difference of each gate over the steps of its roll-out. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from keyart_federated.campaigns.segments import difference
from keyart_federated.campaigns.sub_cohorts import Estimate, combined
from keyart_federated.charts import Axis, Chart, Limit, Series

from ..engine.estimate_codec import decode_estimates
from ..releases.gate import ALL, comparison_gates
from ..releases.release import Release
from ..rounds import Round
from ..rounds.round import COMPARISON_TOPIC, GUARD_TOPIC
from . import formatting

HELD_OUT: Final = "held-out"
CHECK_NAMES: Final = ("early", "end")
Step = tuple[str, Mapping[str, Estimate]]  # name of a step and its differences by segment
_GUARD: Final = re.compile(rf"{GUARD_TOPIC}(\d+) ([0-9.e+-]+) (\d+) (new|old)(?: (\d+)/(\d+))?", re.ASCII)


def steps_of(release: Release, rounds: Sequence[Round]) -> list[Step]:
    """Return what was measured about a release, step by step: on held-out devices, then at each check of each share.

    Args:
        release: the release.
        rounds: rounds that evaluate it, oldest first; those without a result are left out.
    """
    read = [round_ for round_ in rounds if round_.standing == "done"]
    comparison = f"{COMPARISON_TOPIC}{release.version}"
    compared = [
        decode_estimates(round_.result)
        for round_ in read
        if round_.topic == comparison or round_.topic.startswith(f"{comparison} ")
    ]
    groups: dict[tuple[float, int], dict[str, dict[str, Round]]] = {}
    for round_ in read:
        match = _GUARD.fullmatch(round_.topic)
        if match and int(match[1]) == release.version:
            cohort = groups.setdefault((float(match[2]), int(match[3])), {}).setdefault(match[5] or "1", {})
            cohort[match[4]] = round_
    steps: list[Step] = [(HELD_OUT, combined(compared))] if compared else []
    for (share, check), cohorts in sorted(groups.items()):
        pairs = [
            tuple(decode_estimates(pair[group].result) for group in ("new", "old"))
            for pair in cohorts.values()
            if len(pair) == 2
        ]
        differences = [
            {segment: difference(new[segment], old[segment]) for segment in new if segment in old}
            for new, old in pairs
        ]
        if differences:
            steps.append((f"{formatting.percent(share)} {CHECK_NAMES[min(check, 1)]}", combined(differences)))
    return steps


def gate_charts(release: Release, steps: Sequence[Step]) -> list[Chart]:
    """Return a chart for each gate: its difference at every step, with its interval and the accepted drop."""
    plan = release.plan
    names = [name for name, _ in steps]
    axis = Axis("Step of the roll-out", lambda place: _name(names, place), whole=True)
    heights = Axis("Difference in reward per decision", formatting.difference)
    rows: dict[str, list[tuple[float, float, float, float]]] = {}
    for place, (_, differences) in enumerate(steps):
        for gate in comparison_gates("", differences, plan.margin, plan.segment_margin):
            mean, low, high = (gate.numbers.get(key) for key in ("mean", "low", "high"))
            if mean is not None and low is not None and high is not None:
                rows.setdefault(gate.name.strip(), []).append((float(place), mean, low, high))
    charts = []
    for segment in sorted(rows, key=lambda name: name != ALL):
        points = rows[segment]
        step, mean, low, high = points[-1]
        drop = plan.margin if segment == ALL else plan.segment_margin
        shown = f"{formatting.difference(mean)} ({formatting.difference(low)} to {formatting.difference(high)})"
        charts.append(
            Chart(
                "All devices" if segment == ALL else f"Segment: {formatting.words_of_name(segment)}",
                f"{shown} at the step “{names[int(step)]}”.",
                axis,
                heights,
                (
                    Series(
                        "difference",
                        tuple((x, value) for x, value, _, _ in points),
                        "points",
                        tuple((low, high) for _, _, low, high in points),
                    ),
                ),
                (Limit("no difference", 0.0, neutral=True), Limit("accepted drop", -drop)),
            )
        )
    return charts


def _name(names: Sequence[str], place: float) -> str:
    """Return the name of a step; ticks between and beside the steps have none."""
    whole = math.floor(place + 0.5)
    return names[whole] if abs(place - whole) < 1e-6 and 0 <= whole < len(names) else ""
