"""Precision: the error that each result of a campaign will have, before anybody is asked. Pure.

An estimate is computed from the sum that typical devices would make, by the very function that reads real sums, so
that a forecast and a result have one implementation. What is assumed of the devices are constants here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from keyart.campaigns import (
    COWATCH_TOPIC,
    EVALUATION_PART_MAXIMA,
    EVALUATION_PART_NORM,
    POPULATION_PART_SCALES,
    SegmentLayout,
    TrendingLayout,
    population_part_norm,
)
from keyart.errors import FederatedError, SettingError
from keyart_federated.accounting.privacy import COWATCH_DEVICES
from keyart_federated.experiments import detectable
from keyart_federated.experiments.play_trend import Plays
from keyart_federated.rounding import sum_variance

from ..types import Doubles, Integers
from . import evaluation, population, rates, segments, training
from .campaign import Campaign
from .experiment import PURPOSE as LOOK
from .experiment import ExperimentSettings
from .findings import KnownFleet
from .noise import EPSILON, units_of
from .protocol import DeployedModel
from .registry import SETTINGS
from .requirements import COMPARISON, GUARD, Requirement, requirements
from .rollout_plan import RolloutPlan
from .segments import SegmentEstimate
from .settings import MAX_DEVICES, CampaignSettings, Cohort, settings_of
from .sub_cohorts import MedianEstimate
from .training import TrainingSettings
from .trending import TOPIC as TRENDING_TOPIC

TYPICAL_RATE: Final = 0.12  # quality plays a decision
RATE_SPREAD: Final = rates.SPREAD  # standard deviation of the rate over devices
DIFFERENCE_SPREAD: Final = 0.1  # standard deviation over devices of what a candidate changes
SEEN_PLAYS: Final = 0.1  # plays a device of a title that a trend should show
USUAL_MINIMUM: Final = 0.7  # minimum cohort over target cohort of a campaign that is planned for its fleet
MAX_PLANNED_EPSILON: Final = 64.0
TOLERANCE: Final = 1.1  # of a search for devices or ε, as a ratio

Unit = Literal["share", "difference", "ratio", "relative"]


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """The expected error of one result.

    Attributes:
        result: Name of the result.
        purpose: Purpose of the rounds that it comes from.
        half_width: Half the width of its 95 % interval, or the ratio of noise to signal. Infinite if noise leaves
            no interval.
        useful: Largest half-width with which the result says something.
        typical: Typical value of the result, if there is one.
        unit: What the numbers are: shares, differences of reward a decision, relative effects, or noise over signal.
    """

    result: str
    purpose: str
    half_width: float
    useful: float
    typical: float | None
    unit: Unit

    @property
    def drowned(self) -> bool:
        """Return whether noise and sampling hide what the result should show."""
        return self.half_width > self.useful


@dataclass(frozen=True, slots=True)
class _Round:
    """A sum that is expected: `devices` answer, and each adds noise of this `variance`."""

    requirement: Requirement
    devices: int
    variance: float

    @property
    def units(self) -> int:
        return units_of(self.requirement.event)

    @property
    def total_variance(self) -> float:
        return self.variance * self.devices

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise in an entry of the sum."""
        return math.sqrt(sum_variance(self.total_variance, self.devices))


def expected_errors(
    campaign: Campaign, base: DeployedModel, devices: int, answer_share: float = 1.0
) -> tuple[ExpectedError, ...]:
    """Return the expected error of each result; results of rounds that miss their minimum cohort are left out.

    Args:
        campaign: The campaign.
        base: What the fleet runs on.
        devices: Size of the fleet.
        answer_share: Share of the sampled devices that answer.

    Raises:
        SettingError: The settings or ε cannot be kept.
    """
    settings = settings_of(campaign, SETTINGS[campaign.kind])
    if isinstance(settings, ExperimentSettings):
        return tuple(_experiment(campaign, settings, devices * answer_share))
    collected: list[ExpectedError] = []
    for requirement in requirements(campaign, base, KnownFleet(devices, answer_share=answer_share)):
        answering = min(round(requirement.expected(devices, answer_share)), requirement.wanted)
        if answering >= requirement.minimum:
            event, counted = requirement.event, settings.honest_fraction * requirement.minimum
            variance = math.ceil((event.noise_multiplier * event.l2) ** 2 / counted)
            collected += _BY_PURPOSE[requirement.purpose](campaign, base, _Round(requirement, answering, variance))
    return tuple(collected)


def devices_needed(
    campaign: Campaign, base: DeployedModel, error: ExpectedError, answer_share: float = 1.0
) -> int | None:
    """Return the fleet, in devices, in which a result is not drowned if its cohorts grow with it; None for too many.

    Raises:
        SettingError: The settings or ε cannot be kept.
    """

    def is_enough(devices: float) -> bool:
        planned = for_fleet(campaign, base, error.purpose, round(devices), answer_share)
        return _is_useful(planned, base, error, round(devices), answer_share)

    found = _smallest(is_enough, 50.0, MAX_DEVICES / answer_share)
    return None if found is None else math.ceil(found)


def epsilon_needed(
    campaign: Campaign, base: DeployedModel, error: ExpectedError, devices: int, answer_share: float = 1.0
) -> float | None:
    """Return the campaign's ε with which a result is not drowned in this fleet; None if none would do."""
    start = campaign.epsilon or EPSILON
    if math.isinf(start):
        return None

    def is_enough(epsilon: float) -> bool:
        return _is_useful(replace(campaign, epsilon=epsilon), base, error, devices, answer_share)

    return _smallest(is_enough, start, MAX_PLANNED_EPSILON)


def for_fleet(
    campaign: Campaign, base: DeployedModel, purpose: str, devices: int, answer_share: float = 1.0
) -> Campaign:
    """Return the campaign with cohorts that suit a purpose in a fleet of so many devices. Raises SettingError."""
    settings = settings_of(campaign, SETTINGS[campaign.kind])
    changed: dict[str, Any] = {}
    if isinstance(settings, ExperimentSettings):
        changed = {"devices": min(int(devices * (settings.high - settings.low) * answer_share), MAX_DEVICES)}
    elif isinstance(settings, Cohort):
        need = next(need for need in requirements(campaign, base) if need.purpose == purpose)
        answering = min(need.expected(devices, answer_share) * need.cohorts, MAX_DEVICES)
        minimum = max(int(USUAL_MINIMUM * answering), 2)
        changed = {"wanted": max(settings.wanted, int(answering), 2), "minimum_devices": minimum}
    return replace(campaign, settings=json.dumps({**json.loads(campaign.settings), **changed}))


def _is_useful(
    campaign: Campaign, base: DeployedModel, error: ExpectedError, devices: int, answer_share: float
) -> bool:
    try:
        errors = expected_errors(campaign, base, devices, answer_share)
    except SettingError:
        return False
    return any(found.result == error.result and not found.drowned for found in errors)


def _smallest(is_enough: Callable[[float], bool], low: float, most: float) -> float | None:
    """Return the smallest value that is enough, rounded up to two digits, by doubling and bisection."""
    high = low
    while not is_enough(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high > TOLERANCE * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    digit = 10.0 ** (math.floor(math.log10(high)) - 1)
    return math.ceil(round(high / digit, 6)) * digit


def _experiment(campaign: Campaign, settings: ExperimentSettings, devices: float) -> Iterable[ExpectedError]:
    answering = min(int(devices * (settings.high - settings.low)), settings.devices)
    for metric in settings.experiment_of(campaign).metrics:
        try:
            effect = detectable(replace(settings.experiment_of(campaign), devices=answering), metric).effect
        except SettingError:
            effect = math.inf
        yield ExpectedError(f"effect on {metric}", LOOK, effect, settings.margin, None, "relative")


def _rates(campaign: Campaign, base: DeployedModel, expected: _Round) -> Iterable[ExpectedError]:
    layout, rounds = rates.layout(base), campaign.rounds
    of_class = 1 / max(len(base.spec.context_names) - len(base.spec.dayparts), 1)
    for name, place, share in (("rate of all decisions", 0, 1.0), ("rate of a device class", 1, of_class)):
        estimates = _segment_estimates(layout, expected, TYPICAL_RATE, RATE_SPREAD, share)
        found = list(estimates.values())[place]
        n, half = found.devices, math.inf
        if math.isfinite(found.standard_error):
            variance = (n * found.standard_error) ** 2
            half = rates.half_width([rounds * n, 0.0, rounds * variance], rounds * variance)
        yield ExpectedError(name, rates.TOPIC, half, TYPICAL_RATE / 2, TYPICAL_RATE, "share")


def _comparison(campaign: Campaign, base: DeployedModel, expected: _Round) -> Iterable[ExpectedError]:
    layout = SegmentLayout.of("compare", base.spec)
    found = _segment_estimates(layout, expected, 0.0, DIFFERENCE_SPREAD)[segments.ALL]
    yield _gate("gate quality", campaign, expected.requirement, found)


def _guard(campaign: Campaign, base: DeployedModel, expected: _Round) -> Iterable[ExpectedError]:
    layout = SegmentLayout.of("rates", base.spec)
    found = _segment_estimates(layout, expected, TYPICAL_RATE, RATE_SPREAD)[segments.ALL]
    yield _gate("gate take rate", campaign, expected.requirement, segments.difference(found, found))


def _gate(name: str, campaign: Campaign, requirement: Requirement, found: SegmentEstimate) -> ExpectedError:
    """Return the expected error of a gate; with no change at all it passes if the half-width is within the margin."""
    margin = _rollout_margin(campaign)
    low, high = MedianEstimate((found,) * requirement.cohorts).interval()
    half = (high - low) / 2 if math.isfinite(high - low) else math.inf
    return ExpectedError(name, requirement.purpose, half, margin, None, "difference")


def _rollout_margin(campaign: Campaign) -> float:
    settings: CampaignSettings = settings_of(campaign, SETTINGS[campaign.kind])
    return settings.margin if isinstance(settings, TrainingSettings) else RolloutPlan().margin


def _segment_estimates(
    layout: SegmentLayout, expected: _Round, mean: float, spread: float, share: float = 1.0
) -> Mapping[str, SegmentEstimate]:
    """Return the estimates from the sum of typical devices; `share` of them have decisions in each segment."""
    counted = np.full(len(layout.segments), expected.devices * share)
    z = mean / layout.reach
    squares = (mean**2 + spread**2) / layout.reach**2
    vector = np.concatenate([counted, counted * z, counted * squares]) * layout.weights
    total = _integers(vector, expected.units)
    return segments.estimate(total, layout, expected.units, expected.devices, expected.total_variance)


def _evaluation(campaign: Campaign, base: DeployedModel, expected: _Round) -> Iterable[ExpectedError]:
    n, rate, squares = expected.devices, TYPICAL_RATE, TYPICAL_RATE**2 + RATE_SPREAD**2
    typical = {
        "devices": 1.0, "logged": rate, "weight": 1.0, "rewarded": rate,
        "weight_weight": 1.0, "rewarded_rewarded": squares, "weight_rewarded": rate,
    }  # fmt: skip
    values = [n * typical[name] / most * EVALUATION_PART_NORM for name, most in EVALUATION_PART_MAXIMA.items()]
    half = math.inf
    try:
        found = evaluation.estimate(
            _integers(np.array(values), expected.units), expected.units, n, expected.total_variance
        )
    except FederatedError:  # the noise drowns the sum
        pass
    else:
        cohorts = expected.requirement.cohorts
        result = evaluation.combined_result([found] * cohorts, cohorts)
        half = (result["high"] - result["low"]) / 2
    yield ExpectedError("policy value", evaluation.PURPOSE, half, TYPICAL_RATE / 2, TYPICAL_RATE, "share")


def _trending(campaign: Campaign, base: DeployedModel, expected: _Round) -> Iterable[ExpectedError]:
    layout = TrendingLayout(len(base.catalog))
    nothing = np.zeros(layout.size, dtype=np.int64)
    plays = Plays.read(nothing, layout.titles, expected.units, expected.devices, expected.total_variance).now()
    above = plays.deviation * math.sqrt(2 * math.log(max(layout.titles, 2))) / expected.devices
    yield ExpectedError("plays of a title, per device", TRENDING_TOPIC, above, SEEN_PLAYS, None, "share")


def _population(campaign: Campaign, base: DeployedModel, expected: _Round) -> Iterable[ExpectedError]:
    if campaign.kind == "training":  # a training campaign shows no result of its own about the population
        return
    share = expected.deviation / (expected.units * population_part_norm() * expected.devices)
    half = 1.96 * share * POPULATION_PART_SCALES["taste"]
    yield ExpectedError("share of devices with a history", population.TOPIC, half, 0.25, None, "share")


def _cowatch(campaign: Campaign, base: DeployedModel, expected: _Round) -> Iterable[ExpectedError]:
    """Compare noise and signal as `accounting.privacy.cowatch_exchanges` does."""
    if campaign.kind == "training":  # it asks only if the noise leaves the latents visible
        return
    settings = settings_of(campaign, SETTINGS[campaign.kind])
    counted = expected.requirement.minimum * math.sqrt(settings.honest_fraction)
    noise = COWATCH_DEVICES * expected.requirement.event.noise_multiplier * math.sqrt(len(base.catalog))
    yield ExpectedError("title latents", COWATCH_TOPIC, noise / counted, 1.0, None, "ratio")


def _training(campaign: Campaign, base: DeployedModel, expected: _Round) -> Iterable[ExpectedError]:
    """Compare the noise with the largest possible signal: devices whose clipped vectors all point the same way."""
    noise = expected.deviation * math.sqrt(expected.requirement.event.dimension)
    ratio = noise / (expected.units * expected.devices)
    yield ExpectedError("step of the model", training.PURPOSE, ratio, 1.0, None, "ratio")


def _integers(vector: Doubles, units: int) -> Integers:
    return np.asarray(np.rint(vector * units), dtype=np.int64)


_BY_PURPOSE: Final[Mapping[str, Callable[[Campaign, DeployedModel, _Round], Iterable[ExpectedError]]]] = {
    training.PURPOSE: _training,
    COMPARISON: _comparison,
    GUARD: _guard,
    rates.TOPIC: _rates,
    TRENDING_TOPIC: _trending,
    population.TOPIC: _population,
    COWATCH_TOPIC: _cowatch,
    evaluation.PURPOSE: _evaluation,
}
