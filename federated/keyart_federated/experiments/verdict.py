"""The verdict of an experiment: what the intervals say, in words that a product team can act on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from .analysis import Analysis, ArmComparison
from .device_metrics import MEASURES, percent
from .experiment_design import Experiment

Word = Literal["better", "worse", "no difference", "not yet", "guard", "mismatch"]
MAX_DAYS = 365
MIN_DAYS_BETWEEN = 1 / 24  # an experiment whose looks come at once has no pace to forecast from


@dataclass(frozen=True, slots=True)
class ArmVerdict:
    """The verdict about an arm.

    Attributes:
        arm: Name of the arm.
        word: Verdict about the first metric, unless a guard is breached or the arms do not match.
        text: A sentence or two. Effects in it are relative to the first arm, or absolute where its mean is about 0.
        more: Days until the interval is likely to decide. None if it has, or will not within a year.
        guards: Guard metrics that are breached.
        forecast: A sentence about the time that is still needed; "" once the interval decides. It holds as long as
            the experiment goes on.
    """

    arm: str
    word: Word
    text: str
    more: int | None = None
    guards: tuple[str, ...] = ()
    forecast: str = ""


def verdicts(experiment: Experiment, analysis: Analysis) -> tuple[ArmVerdict, ...]:
    """Return one verdict for each arm but the first."""
    return tuple(_verdict(experiment, analysis, a) for a in range(len(experiment.arms) - 1))


def _verdict(experiment: Experiment, analysis: Analysis, a: int) -> ArmVerdict:
    course = analysis.courses[experiment.first][a]
    arm = course.arm
    if analysis.mismatches[a].found:
        apart, bound = analysis.mismatches[a].difference[-1], analysis.mismatches[a].bound[-1]
        return ArmVerdict(
            arm,
            "mismatch",
            f"Nothing can be concluded: “{arm}” and “{experiment.arms[0]}” differ by {abs(apart):,.0f} devices where "
            f"chance explains {bound:,.0f}. Look for what keeps devices of one arm from answering, then begin anew.",
        )
    breached = tuple(
        name
        for name in experiment.metrics
        if MEASURES[name].guard and name != experiment.first and harmed(experiment, analysis.courses[name][a])
    )
    word, text = _of_first(experiment, course)
    more, forecast = (None, "") if word != "not yet" else _forecast(experiment, course)
    if breached:
        harms = "; ".join(f"{MEASURES[name].label}: {_range(analysis.courses[name][a])}" for name in breached)
        return ArmVerdict(arm, "guard", f"Stop “{arm}”: it does harm ({harms}). {text}", more, breached, forecast)
    return ArmVerdict(arm, word, text, more, forecast=forecast)


def _of_first(experiment: Experiment, course: ArmComparison) -> tuple[Word, str]:
    measure = MEASURES[course.metric]
    effect, low, high = course.now
    margin = experiment.margin * abs(float(course.control[-1]))
    said = f"{measure.label}: {_range(course)}"
    both = f"“{course.arm}” and “{experiment.arms[0]}”"
    if course.excludes_zero:
        better = (effect > 0) == (measure.better > 0)
        word: Word = "better" if better else "worse"
        return word, f"“{course.arm}” is {word} than “{experiment.arms[0]}”; {said}."
    if max(abs(low), abs(high)) <= margin:
        return "no difference", f"No difference larger than {100 * experiment.margin:g} % between {both}; {said}."
    return "not yet", f"{said[0].upper()}{said[1:]}."


def _forecast(experiment: Experiment, course: ArmComparison) -> tuple[int | None, str]:
    """Return the days that are still needed, and a sentence about them and the planned end."""
    margin = experiment.margin * abs(float(course.control[-1]))
    more, missing = days_more(experiment, course, margin), experiment.looks - len(course.days)
    if missing <= 0:
        return (
            None,
            "All planned interim analyses are in, and they do not decide; a new experiment needs more devices.",
        )
    if more is None:
        return None, "No number of days within a year is likely to decide; take more devices or a larger margin."
    days = f"About {more} more day{'' if more == 1 else 's'} at the present pace should decide"
    left = math.ceil(missing * _days_between(experiment, course))
    if more > left:
        return more, f"{days}, but the plan ends in {left} day{'' if left == 1 else 's'}."
    return more, f"{days}."


def _days_between(experiment: Experiment, course: ArmComparison) -> float:
    """Return the days between two looks: those that passed, or the planned ones before there are two."""
    if len(course.days) > 1:
        return max(float(course.days[-1] - course.days[0]) / (len(course.days) - 1), MIN_DAYS_BETWEEN)
    return (experiment.days - experiment.first_day) / max(experiment.looks - 1, 1) or 1.0


def _range(course: ArmComparison) -> str:
    """Return the effect with its interval: relative to the first arm, or absolute where its mean is about 0."""
    measure = MEASURES[course.metric]
    change, low, high = course.relative
    if math.isfinite(low):
        return f"{percent(change)} relative change, between {percent(low)} and {percent(high)}"
    shown = (measure.shown_difference(value) for value in course.now)
    return "{} absolute difference, between {} and {}".format(*shown)


def harmed(experiment: Experiment, course: ArmComparison) -> bool:
    """Return whether the whole interval of the last look is worse than the tolerance."""
    allowed = experiment.tolerance * abs(float(course.control[-1]))
    better = MEASURES[course.metric].better
    return bool(course.high[-1] < -allowed if better > 0 else course.low[-1] > allowed)


def days_more(experiment: Experiment, course: ArmComparison, margin: float) -> int | None:
    """Return the days after the last look on which the interval decides, should the effect stay as estimated.

    It decides once it excludes 0, or all that is larger than the margin. None is for more than a year.
    """
    looks = len(course.days)
    apart = _days_between(experiment, course)
    effect = abs(course.now[0])
    for more in range(1, math.ceil(MAX_DAYS / apart) + 1):
        grown = (looks + more) / looks
        half = float(course.boundary.reach(course.variance * grown)) / (course.weight * grown) * course.reach
        if half < effect or half + effect <= margin:
            return math.ceil(more * apart)
    return None
