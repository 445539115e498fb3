"""Trending: which titles take off, from noised plays by title and hours
(`keyart.campaigns.kinds.trending.TrendingLayout`).

A device's plays are shortened to a norm of 1 together, so that somebody who watches all day counts little more than
somebody who watches once. Recent hours count more; what a host hands on is `Context.trending`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.campaigns.kinds.trending import TRENDING_BUCKET_SECONDS, TRENDING_BUCKETS
from keyart.errors import FederatedError, RoundFailed, SettingError

from .boundary import Doubles
from .experiment import ROUNDING

HALF_LIFE_HOURS = 6.0


@dataclass(frozen=True)
class Plays:
    """plays [T, BUCKETS]: by title in the catalogue's order, oldest hours first. deviation: of the noise in each."""

    plays: Doubles
    deviation: float

    @classmethod
    def read(cls, total: npt.NDArray[np.int64], titles: int, units: int, devices: int, variance: float) -> Plays:
        """total [T · BUCKETS]: noised sum of so many devices' vectors of `units` to the norm 1, with noise of
        `variance` in each entry, all devices' together. Raises RoundFailed."""
        if total.shape != (titles * TRENDING_BUCKETS,) or units < 1 or devices < 1 or not 0 <= variance < math.inf:
            raise RoundFailed(
                f"A sum of shape {total.shape} is no count of {titles} titles; read it with its own offer's numbers."
            )
        return cls(total.reshape(titles, TRENDING_BUCKETS) / units, math.sqrt(variance + ROUNDING * devices) / units)

    def now(self, half_life_hours: float = HALF_LIFE_HOURS) -> Trend:
        """With plays of half the weight for each half-life that they are older. Raises SettingError."""
        if not half_life_hours > 0:
            raise SettingError(f"The half-life is {half_life_hours} hours; it must be above 0.")
        age = (TRENDING_BUCKETS - 1 - np.arange(TRENDING_BUCKETS)) * (TRENDING_BUCKET_SECONDS / 3600)
        decay = 0.5 ** (age / half_life_hours)
        return Trend(self.plays @ decay, self.deviation * math.sqrt(float((decay**2).sum())))


@dataclass(frozen=True)
class Trend:
    """counts [T]: decayed plays by title. deviation: of the noise in each."""

    counts: Doubles
    deviation: float

    @property
    def relative_errors(self) -> Doubles:
        """[T]: deviation over count; infinite where the count is not above 0."""
        return np.asarray(np.where(self.counts > 0, self.deviation / np.maximum(self.counts, 1e-9), np.inf))

    def weights(self, titles: list[str], usual: Trend | None = None) -> dict[str, float]:
        """Title id to weight in 0–1, for `Context.trending`; only titles that are above the noise of all of them.

        usual: of an earlier window; then what a title has beyond its usual share counts, so that what is always
        popular does not trend. Raises FederatedError for another number of titles.
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
