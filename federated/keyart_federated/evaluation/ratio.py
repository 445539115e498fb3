"""Every estimate is a ratio of sums over units, Σ a / Σ b: a unit is a decision, or a device with all of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keyart.errors import InputError, SettingError

from ..types import Doubles
from .empirical_likelihood import freedom, interval, student


@dataclass(frozen=True, slots=True)
class Estimate:
    """value: reward a decision, or the difference of two. low, high: its interval. standard_error: by the delta
    method (A. B. Owen, "Monte Carlo theory, methods and examples", 2013, chapter 9). effective: as how many units of
    equal weight it counts (L. Kish, "Survey sampling", 1965, section 11.7)."""

    value: float
    low: float
    high: float
    standard_error: float
    effective: float


@dataclass(frozen=True, eq=False)
class Ratio:
    """numerator, denominator [units]. worst, best [units]: the numerator, had one of the unit's rewards been the
    least or the most there is. weight [units]: by which units count."""

    numerator: Doubles
    denominator: Doubles
    worst: Doubles
    best: Doubles
    weight: Doubles

    @property
    def value(self) -> float:
        return float(self.numerator.sum() / self.denominator.sum())

    def influence(self) -> Doubles:
        """[units]: by how much each moves the value, to first order; they sum up to 0."""
        return np.asarray((self.numerator - self.value * self.denominator) / self.denominator.sum())

    def estimate(self, level: float = 0.95) -> Estimate:
        """Raises SettingError, InputError for a single unit, which tells of no scatter."""
        self._check(level)
        low, high = interval(self.numerator, self.denominator, self.worst, self.best, level)
        error = math.sqrt(float((self.influence() ** 2).sum()))
        return Estimate(self.value, low, high, error, self._effective())

    def minus(self, other: Ratio, level: float = 0.95) -> Estimate:
        """This value less another of the same units, whose scatter in common cancels; a Student interval."""
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
