"""The parts that estimates from private sums share: a check of the sum, and an interval that counts its noise."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

from keyart.errors import RoundFailed, SettingError
from keyart_federated.types import Integers

MIN_DEVIATIONS: Final = 5.0  # of the noise, by which a denominator exceeds 0: a ratio to less is not nearly normal


def require_sum(total: Integers, size: int, units: int, devices: int, variance: float) -> None:
    """Check that a noised sum and its numbers fit together.

    Args:
        total: Noised sum of integer vectors.
        size: Entries that the sum should have.
        units: Integers to the norm of 1.
        devices: Number of devices in the sum.
        variance: Variance of the noise in each entry, that of all devices together.

    Raises:
        RoundFailed: The shape is another, or a number is out of range.
    """
    if total.shape != (size,) or units < 1 or devices < 1 or not 0 <= variance < math.inf:
        raise RoundFailed(
            f"A sum of shape {total.shape} (units {units}, devices {devices}, variance {variance}) is none; "
            "read it with the numbers of its own offer."
        )


def normal_interval(value: float, standard_error: float, level: float) -> tuple[float, float]:
    """Return the confidence interval of a nearly normal estimate. Raises SettingError."""
    if not 0 < level < 1:
        raise SettingError(f"The level of an interval is {level}; it must be between 0 and 1.")
    half_width = NormalDist().inv_cdf((1 + level) / 2) * standard_error
    return value - half_width, value + half_width
