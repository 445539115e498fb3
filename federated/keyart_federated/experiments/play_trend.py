"""Trends: which titles take off, from noised plays by title and hours (`keyart.campaigns.kinds.trending`).

All plays of a device together are shortened to a norm of 1, so that somebody who watches all day counts little more
than somebody who watches once. Recent hours count more; the weights go to `Context.trending`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keyart.campaigns import TRENDING_BUCKET_SECONDS, TRENDING_BUCKETS
from keyart.errors import FederatedError, RoundFailed, SettingError

from ..rounding import sum_variance
from ..types import Doubles, Integers

HALF_LIFE_HOURS = 6.0


@dataclass(frozen=True)
class Plays:
    """Noised plays by title and hours.

    Attributes:
        plays: Plays by title in the catalogue's order, oldest hours first, [T, BUCKETS].
        deviation: Standard deviation of the noise in each.
    """

    plays: Doubles
    deviation: float

    @classmethod
    def read(cls, total: Integers, titles: int, units: int, devices: int, variance: float) -> Plays:
        """Return the plays of a noised sum.

        Args:
            total: Noised sum of integer vectors, [T · BUCKETS].
            titles: Number of titles.
            units: Integers to the norm of 1.
            devices: Number of devices in the sum.
            variance: Variance of the noise in each entry, that of all devices together.

        Raises:
            RoundFailed: The sum has another shape.
        """
        if total.shape != (titles * TRENDING_BUCKETS,) or units < 1 or devices < 1 or not 0 <= variance < math.inf:
            raise RoundFailed(
                f"A sum of shape {total.shape} is no count of {titles} titles; read it with its own offer's numbers."
            )
        deviation = math.sqrt(sum_variance(variance, devices))
        return cls(total.reshape(titles, TRENDING_BUCKETS) / units, deviation / units)

    def now(self, half_life_hours: float = HALF_LIFE_HOURS) -> Trend:
        """Return the trend, in which plays count half for each half-life that they are older. Raises SettingError."""
        if not half_life_hours > 0:
            raise SettingError(f"The half-life is {half_life_hours} hours; it must be above 0.")
        age = (TRENDING_BUCKETS - 1 - np.arange(TRENDING_BUCKETS)) * (TRENDING_BUCKET_SECONDS / 3600)
        decay = 0.5 ** (age / half_life_hours)
        return Trend(self.plays @ decay, self.deviation * math.sqrt(float((decay**2).sum())))


@dataclass(frozen=True)
class Trend:
    """Decayed plays by title, [T], and the standard deviation of the noise in each."""

    counts: Doubles
    deviation: float

    @property
    def relative_errors(self) -> Doubles:
        """The standard deviation over the count, [T]; infinite where the count is not above 0."""
        return np.asarray(np.where(self.counts > 0, self.deviation / np.maximum(self.counts, 1e-9), np.inf))

    def weights(self, titles: list[str], usual: Trend | None = None) -> dict[str, float]:
        """Return weights in 0–1 by title id, for `Context.trending`, of titles that are above the noise.

        Args:
            titles: Ids of the titles.
            usual: Trend of an earlier window. What a title has beyond its usual share counts then, so that what
                is always popular does not trend.

        Raises:
            FederatedError: The number of titles is another.
        """
        if len(titles) != len(self.counts) or (usual is not None and len(usual.counts) != len(self.counts)):
            raise FederatedError(f"The counts are of {len(self.counts)} titles, and {len(titles)} are named.")
        beyond, deviation = self.counts, self.deviation
        if usual is not None:
            scale = max(float(self.counts.sum()), 0.0) / max(float(usual.counts.sum()), 1e-9)
            beyond = beyond - scale * usual.counts
            deviation = math.hypot(deviation, scale * usual.deviation)
        # The largest of T normal variables is about √(2 ln T) deviations: what is not above it may be noise.
        sure = beyond - deviation * math.sqrt(2 * math.log(max(len(titles), 2)))
        most = float(sure.max())
        return {title: float(sure[t] / most) for t, title in enumerate(titles) if sure[t] > 0} if most > 0 else {}
