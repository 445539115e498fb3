"""Charts and facts of an experiment: effect over time, arm sizes, and whether the arms match. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from keyart_federated.campaigns.experiment import ExperimentSettings
from keyart_federated.campaigns.noise import DELTA, EPSILON
from keyart_federated.campaigns.settings import settings_of
from keyart_federated.charts import Axis, Chart, Series
from keyart_federated.experiments import MEASURES, Experiment, detectable, effect_chart

from ..campaigns import Campaign
from ..rounds import Round
from ..rounds.round_result import VerdictText
from . import formatting

DAY_AXIS: Final = Axis("Days since the start", formatting.number)
DEVICES: Final = Axis("Devices", formatting.number, whole=True, floor=0.0)
ENDED: Final = ("done", "stopped")
POWER: Final = 0.9


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """The plan of an experiment and what it can find.

    Attributes:
        starts: start of the experiment.
        first_look: time of the first interim analysis.
        ends: planned time of the last one.
        looks: number of interim analyses.
        devices_per_look: devices that each of them asks.
        metric: label of the metric that decides.
        effect: minimum detectable effect, relative to the control arm, with a power of 90 %.
        effect_without_noise: the same without the noise that protects users.
        margin: smallest effect worth having, relative as well.
    """

    starts: datetime
    first_look: datetime
    ends: datetime
    looks: int
    devices_per_look: int
    metric: str
    effect: float
    effect_without_noise: float
    margin: float

    @property
    def finds_margin(self) -> bool:
        """Return whether the smallest effect worth having can be found."""
        return self.effect <= self.margin


def experiment_plan(
    settings: ExperimentSettings, epsilon: float | None, delta: float | None, created: datetime
) -> ExperimentPlan:
    """Return the plan of an experiment. Raises SettingError for settings that cannot be run."""
    experiment = settings.experiment(epsilon or EPSILON, delta or DELTA)
    starts = created if settings.start is None else datetime.fromtimestamp(settings.start, UTC)
    power = detectable(experiment, power=POWER)
    return ExperimentPlan(
        starts=starts,
        first_look=starts + timedelta(days=experiment.look_days[0]),
        ends=starts + timedelta(days=experiment.look_days[-1]),
        looks=experiment.looks,
        devices_per_look=experiment.devices_of(0),
        metric=MEASURES[experiment.first].label,
        effect=power.effect,
        effect_without_noise=power.without_noise,
        margin=experiment.margin,
    )


def plan_of(campaign: Campaign) -> ExperimentPlan:
    """Return the plan of a campaign of kind experiment. Raises SettingError."""
    settings = settings_of(campaign, ExperimentSettings)
    return experiment_plan(settings, campaign.epsilon, campaign.delta, campaign.created)


def forecast_text(campaign: Campaign, verdicts: Sequence[VerdictText], plan: ExperimentPlan | None) -> str:
    """Return a sentence about the time that is still needed, from the pace so far; "" if there is none.

    Args:
        campaign: the experiment.
        verdicts: verdicts of the newest interim analysis.
        plan: the plan, for the time before the first analysis.
    """
    if campaign.state in ENDED:
        ended = "ended" if campaign.state == "done" else "was stopped"
        return f"The experiment {ended} on {formatting.day(campaign.changed)}."
    if verdicts and all(verdict.word != "not yet" for verdict in verdicts):
        return "The result is decided; no further interim analysis is needed."
    forecast = " ".join(dict.fromkeys(verdict.forecast for verdict in verdicts if verdict.forecast))
    if forecast and campaign.state == "paused":
        return f"{forecast} The campaign is paused, so no time counts until it is resumed."
    if forecast or verdicts or plan is None:
        return forecast
    return f"The first interim analysis is due on {formatting.day(plan.first_look)}."


def mismatch_texts(newest: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """Return, by arm, whether its size differs more than chance explains, and a sentence about it."""
    return [
        (
            bool(mismatch["found"]),
            f"“{arm}” has {abs(mismatch['difference']):,.0f} devices "
            f"{'more' if mismatch['difference'] >= 0 else 'fewer'} than the control arm; chance and noise explain up "
            f"to {mismatch['bound']:,.0f}.",
        )
        for arm, mismatch in newest.get("mismatches", {}).items()
    ]


def experiment_charts(campaign: Campaign, rounds: Sequence[Round]) -> list[Chart]:
    """Return the charts of an experiment; `rounds` come oldest first. Raises SettingError."""
    experiment = settings_of(campaign, ExperimentSettings).experiment_of(campaign)
    looks = [
        (_day(round_, place, experiment), round_.result)
        for place, round_ in enumerate(one for one in rounds if one.standing == "done" and one.result.get("metrics"))
    ]
    if not looks:
        return []
    charts = [_effect(experiment, looks, metric) for metric in looks[-1][1]["metrics"]]
    if all("arms" in result for _, result in looks):
        charts += [_sizes(experiment, looks), *_mismatches(experiment, looks)]
    return charts


def _day(round_: Round, place: int, experiment: Experiment) -> float:
    """Return the day of an interim analysis: as recorded, else as planned."""
    return float(round_.result.get("day", experiment.look_days[min(place, experiment.looks - 1)]))


def _effect(experiment: Experiment, looks: Sequence[tuple[float, Mapping[str, Any]]], metric: str) -> Chart:
    """Return the chart of a metric's effect: relative throughout, or absolute throughout if a look has no ratio."""
    by_arm = {
        arm: [(day, values) for day, result in looks if (values := result["metrics"].get(metric, {}).get(arm))]
        for arm in looks[-1][1]["metrics"][metric]
    }
    relative = all("relative" in values for rows in by_arm.values() for _, values in rows)
    numbers = {
        arm: [
            (
                day,
                *(
                    float((values["relative"] if relative else values)[name])
                    for name in ("difference", "low", "high")
                ),
            )
            for day, values in rows
        ]
        for arm, rows in by_arm.items()
    }
    return effect_chart(experiment, metric, numbers, relative)  # type: ignore[arg-type]  # three numbers after the day


def _sizes(experiment: Experiment, looks: Sequence[tuple[float, Mapping[str, Any]]]) -> Chart:
    lines = tuple(
        Series(arm, tuple((day, float(result["arms"].get(arm, math.nan))) for day, result in looks))
        for arm in experiment.arms
    )
    sizes = ", ".join(f"“{line.name}” {line.points[-1][1]:,.0f}" for line in lines)
    summary = f"{sizes} devices after {looks[-1][0]:g} days; the plan asks {experiment.devices:,} of all arms."
    return Chart("Arm sizes", summary, DAY_AXIS, DEVICES, lines)


def _mismatches(experiment: Experiment, looks: Sequence[tuple[float, Mapping[str, Any]]]) -> list[Chart]:
    """Return the sample-ratio mismatch test of each arm but the first, over time."""
    charts = []
    axis = Axis("Devices more than in the control arm", formatting.number)
    for arm in experiment.arms[1:]:
        rows = [(day, result["mismatches"][arm]) for day, result in looks if arm in result.get("mismatches", {})]
        if not rows:
            continue
        found = any(row["found"] for _, row in rows)
        name = f"Sample-ratio mismatch: {arm}" if len(experiment.arms) > 2 else "Sample-ratio mismatch"
        summary = (
            "The sizes differ more than chance explains, so no comparison of these arms is valid."
            if found
            else "No mismatch: the difference stays within what chance and noise explain."
        )
        observed = Series("difference", tuple((day, float(row["difference"])) for day, row in rows))
        chance = Series(
            "range that chance explains",
            tuple((day, 0.0) for day, _ in rows),
            "stripe",
            tuple((-row["bound"], row["bound"]) for _, row in rows),
        )
        charts.append(Chart(name, summary, DAY_AXIS, axis, (observed, chance)))
    return charts
