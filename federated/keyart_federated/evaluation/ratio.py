"""Estimates as ratios of sums over units, Σ a / Σ b. A unit is a decision, or a device with all of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keyart.errors import InputError, SettingError

from ..types import Doubles
from .empirical_likelihood import freedom, interval, student


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate with its interval.

    Attributes:
        value: Reward a decision, or the difference of two.
        low: Lower end of the interval.
        high: Upper end of the interval.
        standard_error: By the delta method (A. B. Owen, "Monte Carlo theory, methods and examples", 2013,
            chapter 9).
        effective: Number of units of equal weight that it counts as (L. Kish, "Survey sampling", 1965, section
            11.7).
    """

    value: float
    low: float
    high: float
    standard_error: float
    effective: float


@dataclass(frozen=True, eq=False)
class Ratio:
    """A ratio of sums over units, [units] each.

    Attributes:
        numerator: Terms of the numerator.
        denominator: Terms of the denominator.
        worst: The numerator, had one of the unit's rewards been the smallest possible.
        best: The numerator, had one of the unit's rewards been the largest possible.
        weight: Weights by which units count.
    """

    numerator: Doubles
    denominator: Doubles
    worst: Doubles
    best: Doubles
    weight: Doubles

    @property
    def value(self) -> float:
        """Return the ratio."""
        return float(self.numerator.sum() / self.denominator.sum())

    def influence(self) -> Doubles:
        """Return by how much each unit moves the value, to first order, [units]; they sum up to 0."""
        return np.asarray((self.numerator - self.value * self.denominator) / self.denominator.sum())

    def estimate(self, level: float = 0.95) -> Estimate:
        """Return the estimate with its interval.

        Raises:
            SettingError: The level is out of range.
            InputError: There is a single unit, which shows no scatter.
        """
        self._check(level)
        low, high = interval(self.numerator, self.denominator, self.worst, self.best, level)
        error = math.sqrt(float((self.influence() ** 2).sum()))
        return Estimate(self.value, low, high, error, self._effective())

    def minus(self, other: Ratio, level: float = 0.95) -> Estimate:
        """Return this value less another of the same units, whose common scatter cancels, with a Student interval."""
        self._check(level)
        influence = self.influence() - other.influence()
        apart, error = self.value - other.value, math.sqrt(float((influence**2).sum()))
        reach = student(level, freedom(influence)) * error
        return Estimate(apart, apart - reach, apart + reach, error, self._effective())

    def _check(self, level: float) -> None:
        if not 0 < level < 1:
            raise SettingError(f"The level of an interval is {level}; it must be between 0 and 1.")
        if len(self.numerator) < 2:
            raise InputError(
                "One decision, or one device, tells nothing of how far others differ; give more of them."
            )

    def _effective(self) -> float:
        squares = float((self.weight**2).sum())
        return float(self.weight.sum()) ** 2 / squares if squares else 0.0
