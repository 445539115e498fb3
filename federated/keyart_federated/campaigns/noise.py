"""Noise: how a campaign's ε is divided over all the sums that it plans."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple

from keyart.dp import UNITS, integer_norm
from keyart.errors import SettingError
from keyart_federated.accounting import Skellam, composed
from keyart_federated.accounting.privacy import FINE_UNITS

from .campaign import Campaign

EPSILON: Final = 4.0  # of a campaign that names none
DELTA: Final = 1e-6
MAX_NOISE: Final = 1e5  # noise multiplier above which nothing can be learned from a sum
TOLERANCE: Final = 1e-6  # of the noise, relative


class Part(NamedTuple):
    """A part of a campaign's budget.

    Attributes:
        share: Share of the budget.
        times: Number of sums that the part is spent on, for one device.
        size: Entries of each sum.
        cohorts: Sub-cohorts, each of which has so many sums; a device is in one of them.
    """

    share: float
    times: int
    size: int
    cohorts: int = 1


class PlannedRounds(NamedTuple):
    """Rounds of one purpose in a campaign's plan.

    Attributes:
        rounds: Number of rounds.
        event: Privacy cost of each.
        per_device: In how many of them one device may take part.
    """

    rounds: int
    event: Skellam
    per_device: int


def planned(campaign: Campaign, parts: Mapping[str, Part]) -> dict[str, PlannedRounds]:
    """Return the plan of a campaign whose ε is divided over these parts, by purpose. Raises SettingError."""
    events = split(campaign, *parts.values())
    return {
        purpose: PlannedRounds(part.times * part.cohorts, event, part.times)
        for (purpose, part), event in zip(parts.items(), events, strict=True)
    }


def planned_epsilon(plan: Mapping[str, PlannedRounds], delta: float = DELTA) -> float:
    """Return the ε at `delta` of a device that takes part in all rounds of a plan. Raises SettingError."""
    return composed(((rounds.event, rounds.per_device) for rounds in plan.values()), delta)


def resized(event: Skellam, size: int) -> Skellam:
    """Return the event of a shorter vector with noise that is as long beside it. It costs no more."""
    return replace(event, l2=integer_norm(units_of(event), size), dimension=size)


def units_of(event: Skellam) -> int:
    """Return the integer steps to a norm of 1. They are finer where no noise hides the rounding."""
    return UNITS if event.noise_multiplier > 0 else FINE_UNITS


def total_rounds(plan: Mapping[str, PlannedRounds]) -> int:
    """Return the number of rounds in a plan."""
    return sum(rounds.rounds for rounds in plan.values())


def split(campaign: Campaign, *parts: Part) -> tuple[Skellam, ...]:
    """Return one event for each part, such that all of them, `times` each, cost ε at most. Raises SettingError."""
    return _split(campaign.epsilon or EPSILON, campaign.delta or DELTA, parts)


@lru_cache(maxsize=64)
def _split(epsilon: float, delta: float, parts: tuple[Part, ...]) -> tuple[Skellam, ...]:
    """Return the events of parts that together cost ε.

    Divergences go about as one over the noise's variance, so that a part's noise is √(times / share) of one.
    """

    if math.isinf(epsilon):
        return tuple(Skellam(0.0, integer_norm(FINE_UNITS, part.size), part.size) for part in parts)

    def events(noise: float) -> tuple[Skellam, ...]:
        return tuple(
            Skellam(noise * math.sqrt(part.times / part.share), integer_norm(UNITS, part.size), part.size)
            for part in parts
        )

    def enough(noise: float) -> bool:
        times = (part.times for part in parts)
        return composed(zip(events(noise), times, strict=True), delta) <= epsilon

    low, high = 0.0, 1.0
    while not enough(high):
        low, high = high, 2 * high
        if high > MAX_NOISE:
            raise SettingError(f"No noise keeps ε = {epsilon:g} at δ = {delta:g}. Allow a larger ε, or fewer rounds.")
    while high - low > TOLERANCE * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return events(high)
