"""Noise: how a campaign's ε is divided over all the sums that it plans."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

from keyart.dp.clip import UNITS, integer_norm
from keyart.errors import SettingError
from keyart_federated.accounting import Skellam, composed

from .campaign import Campaign

EPSILON: Final = 4.0  # of a campaign that names none
DELTA: Final = 1e-6
MOST_NOISE: Final = 1e5  # multiples of a vector: nobody learns anything from such a sum
TOLERANCE: Final = 1e-6  # of the noise, relative


class Part(NamedTuple):
    """share: of the budget. times: sums that it pays for. size: entries of each."""

    share: float
    times: int
    size: int


def split(campaign: Campaign, *parts: Part) -> tuple[Skellam, ...]:
    """One event for each part: all of them, `times` each, cost ε at most. Raises SettingError."""
    return _split(campaign.epsilon or EPSILON, campaign.delta or DELTA, parts)


@lru_cache(maxsize=64)
def _split(epsilon: float, delta: float, parts: tuple[Part, ...]) -> tuple[Skellam, ...]:
    """Divergences go about as one over the noise's variance, so that a part's noise is √(times / share) of one."""

    if math.isinf(epsilon):
        return tuple(Skellam(0.0, integer_norm(UNITS, size), size) for _, _, size in parts)

    def events(noise: float) -> tuple[Skellam, ...]:
        return tuple(
            Skellam(noise * math.sqrt(times / share), integer_norm(UNITS, size), size) for share, times, size in parts
        )

    def enough(noise: float) -> bool:
        times = (part.times for part in parts)
        return composed(zip(events(noise), times, strict=True), delta) <= epsilon

    low, high = 0.0, 1.0
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST_NOISE:
            raise SettingError(f"No noise keeps ε = {epsilon:g} at δ = {delta:g}. Allow a larger ε, or fewer rounds.")
    while high - low > TOLERANCE * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return events(high)
