"""A boundary that a sum of independent errors stays within at all times at once, so that interim looks cost nothing.

Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence sequences", the
two-sided normal mixture (eq. 14; Robbins 1970): P(∃ t: |S_t| ≥ √((V_t + ρ) log((V_t + ρ) / (ρ α²)))) ≤ α, for a sum
S of normal errors whose variance so far is V. Means of many devices are nearly normal and V is estimated: it holds
as samples grow (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2021, "Time-uniform central limit theory and
asymptotic confidence sequences"). The noise of private sums is normal to begin with, and its variance is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..types import Doubles


@dataclass(frozen=True, slots=True)
class Boundary:
    """The boundary of a confidence sequence.

    Attributes:
        level: α, the probability that the sum ever leaves it.
        rho: ρ, which sets the variances at which it is narrow.
    """

    level: float
    rho: float

    @classmethod
    def best_at(cls, variance: float, level: float) -> Boundary:
        """Return the boundary that is narrowest, relative to its own width, at a variance.

        It has ρ = V / (y − 1) with y − ln y = 1 − 2 ln α (Howard et al., prop. 3).
        """
        constant = 1.0 - 2.0 * math.log(level)
        y = constant
        for _ in range(60):
            y = constant + math.log(y)
        return cls(level, variance / (y - 1.0))

    def reach(self, variance: Doubles | float) -> Doubles:
        """Return how far the sum may be from what it estimates, at these variances."""
        v = np.asarray(variance, dtype=np.float64) + self.rho
        return np.asarray(np.sqrt(v * np.log(v / (self.rho * self.level**2))))
