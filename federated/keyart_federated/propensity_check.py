"""A check of logged propensities against the frequencies of choices, by a chi-square test over all decisions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .types import Doubles, Ints

EDGES = np.array([0.001, 0.01, 0.05, 0.2, 0.5, 0.9])
BINS = len(EDGES) + 1


@dataclass
class Calibration:
    """Choices by bin of propensity: observed and expected counts, and the covariance of their difference.

    A decision is one multinomial draw whose bin probabilities m are sums of its candidates' propensities, so the
    covariance of the counts is Σ (diag(m) − m mᵀ).
    """

    observed: Doubles = field(default_factory=lambda: np.zeros(BINS))
    expected: Doubles = field(default_factory=lambda: np.zeros(BINS))
    covariance: Doubles = field(default_factory=lambda: np.zeros((BINS, BINS)))

    def add(self, p: Doubles, chosen: Ints) -> None:
        """Add decisions.

        Args:
            p: Propensities of the candidates, [n, A].
            chosen: Candidates that were chosen, [n].
        """
        bins = np.digitize(p, EDGES)
        mass = np.stack([np.where(bins == b, p, 0.0).sum(axis=1) for b in range(BINS)], axis=1)
        self.observed += np.bincount(bins[np.arange(len(p)), chosen], minlength=BINS)
        self.expected += mass.sum(axis=0)
        self.covariance += np.diag(mass.sum(axis=0)) - mass.T @ mass

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the counts as arrays, for `from_state`."""
        return {name: getattr(self, name).copy() for name in ("observed", "expected", "covariance")}

    @classmethod
    def from_state(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Calibration:
        """Return the calibration whose `state` is in the arrays."""
        return cls(*(np.array(arrays[name], dtype=np.float64) for name in ("observed", "expected", "covariance")))

    @classmethod
    def joined(cls, parts: Iterable[Calibration]) -> Calibration:
        """Return the sum of several."""
        whole = cls()
        for part in parts:
            whole.observed += part.observed
            whole.expected += part.expected
            whole.covariance += part.covariance
        return whole

    def p_value(self) -> float:
        """Return the p-value of the chi-square statistic dᵀ C⁺ d; 1.0 if every propensity was 0 or 1."""
        values, vectors = np.linalg.eigh(self.covariance)
        free = values > max(values.max(initial=0.0) * 1e-9, 1e-9)
        if not free.any():
            return 1.0
        projected = vectors[:, free].T @ (self.observed - self.expected)
        return chi_square_tail(float((projected**2 / values[free]).sum()), int(free.sum()))


def chi_square_tail(statistic: float, freedom: int) -> float:
    """Return P(χ² > statistic), the regularised upper incomplete gamma function Q(freedom / 2, statistic / 2).

    It is a closed form by recurrence from Q(1/2) or Q(1) (Abramowitz and Stegun 1964, 26.4.4–5).
    """
    x = statistic / 2
    if x <= 0:
        return 1.0
    a, tail = (0.5, math.erfc(math.sqrt(x))) if freedom % 2 else (1.0, math.exp(-x))
    while a < freedom / 2 - 1e-9:
        tail += math.exp(a * math.log(x) - x - math.lgamma(a + 1))
        a += 1
    return tail
