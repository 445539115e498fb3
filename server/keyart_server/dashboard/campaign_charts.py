"""Charts of one campaign over its rounds, and of several campaigns beside each other. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from keyart.secagg import Stage
from keyart_federated.charts import Axis, Chart, Limit, Series

from ..rounds import ENDED, Round
from . import formatting
from .round_measures import (
    CLIPPED,
    DEVICES_AXIS,
    DROPOUT_AXIS,
    MEASURES,
    RATE,
    REWARD,
    ROUND_AXIS,
    UPDATE_NORM,
    Estimate,
    Measure,
    Run,
    gain_series,
    series,
)
from .round_progress import STAGE_LABELS

EPSILON_AXIS: Final = Axis("ε added by the campaign so far", formatting.epsilon, floor=0.0)
GAIN_AXIS: Final = Axis("Difference in reward per decision", formatting.difference)
NO_RESULT: Final = "No round has measured this yet."
MAX_COMPARED: Final = 5  # campaigns; more lines cannot be told apart


def campaign_charts(run: Run, kind: str, title: str, margin: float | None = None) -> list[Chart]:
    """Return the charts of a campaign that has at least one read round.

    Args:
        run: the campaign's rounds, charges and models.
        kind: its kind.
        title: title of its rate chart; "" for a kind without rates.
        margin: accepted drop of a training campaign's models.
    """
    if not run.read:
        return []
    charts = []
    if kind == "training":
        charts = [
            _measured(run, REWARD, "mean over the cohort, with the interval of each round alone"),
            _gain(run, margin),
            _measured(run, UPDATE_NORM, "how far a round moved the model"),
            _measured(run, CLIPPED, "updates that were shortened to the clipping norm"),
        ]
    elif title:
        charts = [_measured(run, RATE, "all devices, with simultaneous intervals", title)]
    return [*charts, _cohort(run), _dropout(run), _epsilon([run])]


def comparison_charts(compared: Sequence[Run], by_epsilon: bool) -> list[Chart]:
    """Return a chart for each measure that at least one of the campaigns has, with a series for each of them."""
    axis = EPSILON_AXIS if by_epsilon else ROUND_AXIS
    names = _distinct([run.name for run in compared])

    def chart(title: str, y: Axis, lines: Sequence[Series]) -> Chart:
        return Chart(title, _last_values(lines, y), axis, y, tuple(lines))

    charts = [
        chart(
            measure.title,
            measure.axis,
            [series(run, measure, name, by_epsilon) for run, name in zip(compared, names, strict=True)],
        )
        for measure in MEASURES
    ]
    if not by_epsilon:
        gains = [gain_series(run, name) for run, name in zip(compared, names, strict=True)]
        charts = [charts[0], chart("Gain over the model before", GAIN_AXIS, gains), *charts[1:], _epsilon(compared)]
    return [one for one in charts if not one.is_empty]


def _measured(run: Run, measure: Measure, about: str, title: str = "") -> Chart:
    line = series(run, measure, measure.title)
    if not line.points:
        summary = f"{about[0].upper()}{about[1:]}."
    else:
        estimate = (line.points[-1][1], *(line.intervals[-1] if line.intervals else (math.nan, math.nan)))
        summary = f"{_shown(measure.axis, estimate)} in round {line.points[-1][0]:.0f}; {about}."
    return Chart(title or measure.title, summary, ROUND_AXIS, measure.axis, (line,), empty=NO_RESULT)


def _gain(run: Run, margin: float | None) -> Chart:
    points = gain_series(run, "candidate minus the model before")
    limits = (Limit("no difference", 0.0, neutral=True), *(() if not margin else (Limit("accepted drop", -margin),)))
    if points.points:
        (x, mean), (low, high) = points.points[-1], points.intervals[-1]
        summary = f"{_shown(GAIN_AXIS, (mean, low, high))} for the candidate of round {x:.0f}, on held-out devices."
    else:
        summary = "Reward of each candidate minus that of the model before, on held-out devices."
    empty = "No candidate was compared on held-out devices yet; the setting “gates” sets ε aside for it."
    return Chart("Gain over the model before", summary, ROUND_AXIS, GAIN_AXIS, (points,), limits, empty)


def _cohort(run: Run) -> Chart:
    ended = _ended(run)
    lines = tuple(
        Series(label, tuple((float(round_.number), float(round_.answered[stage])) for round_ in ended))
        for stage, label in STAGE_LABELS.items()
    )
    newest = ended[-1]
    summary = (
        f"{newest.answered[Stage.UNMASK]:,} of {newest.answered[Stage.KEYS]:,} registered devices completed round "
        f"{newest.number}; {newest.wanted:,} were the target."
    )
    target = Limit("target cohort", newest.wanted, neutral=True)
    return Chart("Cohort by stage", summary, ROUND_AXIS, DEVICES_AXIS, lines, (target,))


def _dropout(run: Run) -> Chart:
    ended, stages = _ended(run), list(Stage)
    lines = tuple(
        Series(
            f"before {STAGE_LABELS[stage].lower()}",
            tuple((float(round_.number), _lost(round_, before, stage)) for round_ in ended),
        )
        for before, stage in pairwise(stages)
    )
    newest = ended[-1]
    summary = (
        f"{formatting.percent(_lost(newest, Stage.KEYS, Stage.UNMASK))} in round {newest.number}, over all stages."
    )
    return Chart("Dropout by stage", summary, ROUND_AXIS, DROPOUT_AXIS, lines)


def _epsilon(compared: Sequence[Run]) -> Chart:
    names = _distinct([run.name for run in compared])
    lines = tuple(
        Series(name, tuple((float(number), spent) for number, spent in run.cumulative_epsilon().items()), "steps")
        for run, name in zip(compared, names, strict=True)
    )
    totals = [line.points[-1][1] if line.points else 0.0 for line in lines]
    summary = (
        f"{formatting.epsilon(totals[0])} by now, as part of the fleet's total."
        if len(lines) == 1
        else _last_values(lines, EPSILON_AXIS)
    )
    return Chart("ε added", summary, ROUND_AXIS, EPSILON_AXIS, lines, empty="No round was charged yet.")


def _ended(run: Run) -> list[Round]:
    return [round_ for round_ in run.rounds if round_.standing in ENDED]


def _lost(round_: Round, before: Stage, after: Stage) -> float:
    """Return the share of the devices at one stage that did not complete another one; NaN where nobody came."""
    came = round_.answered[before]
    return 1 - round_.answered[after] / came if came else math.nan


def _shown(axis: Axis, estimate: Estimate) -> str:
    value, low, high = estimate
    between = f" ({axis.show(low)} to {axis.show(high)})" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{axis.show(value)}{between}"


def _last_values(lines: Sequence[Series], axis: Axis) -> str:
    values = [f"{line.name}: {axis.show(line.points[-1][1])}" for line in lines if line.points]
    return f"Last values: {'; '.join(values)}." if values else "No values yet."


def _distinct(names: Sequence[str]) -> list[str]:
    """Return the names, numbered where two campaigns have the same."""
    return [f"{name} ({place + 1})" if names.count(name) > 1 else name for place, name in enumerate(names)]
