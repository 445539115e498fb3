"""Sub-cohorts: one question to several groups that have no device in common, so that no single device decides.

A hostile device can move the sum that it is in as far as the guard lets it (`guard`), which is beyond what noise
explains. So a decision is taken on the median of several sums, each of other devices: with k of them, k odd, whatever
happens to fewer than half moves the median no further than the others differ (the median of means: Nemirovsky and
Yudin 1983; Lugosi and Mendelson 2019, "Mean estimation and regression under heavy-tailed distributions: a survey").

Sub-cohorts are ranges of the sampling bucket, which follows from a device's certified key
(`keyart.client.sampling_bucket`), and gateways refuse who is not in the range. Each is a round of its own, with its
own minimum of devices and the noise for it. A device is in one of them: its privacy loss is that of one round.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

from .segments import SegmentEstimate
from .settings import Cohort

UNKNOWN: Final = SegmentEstimate(0.0, math.inf, 0.0)


@dataclass(frozen=True, slots=True)
class MedianEstimate:
    """The estimate of a segment from an odd number of sub-cohorts; fewer than half of them may be wrong.

    Attributes:
        cohorts: The estimate of each; `UNKNOWN` for one whose sum is missing or was refused.
    """

    cohorts: tuple[SegmentEstimate, ...]

    @property
    def mean(self) -> float:
        """The median of the means that are known; 0 if none is."""
        known = [one.mean for one in self.cohorts if math.isfinite(one.standard_error)]
        return float(median(known)) if known else 0.0

    @property
    def devices(self) -> float:
        """Estimated number of devices in all of them."""
        return sum(one.devices for one in self.cohorts)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of the mean. Raises SettingError."""
        return median_interval([one.interval(level_of_each(level, len(self.cohorts))) for one in self.cohorts])


Estimate = SegmentEstimate | MedianEstimate


def bucket_range(low: float, high: float, cohort: int, cohorts: int) -> tuple[float, float]:
    """Return the sampling buckets [from, below) of one of several sub-cohorts, counted from 0."""
    bounds = [low + (high - low) * part / cohorts for part in range(cohorts)] + [high]
    return bounds[cohort], bounds[cohort + 1]


@dataclass(frozen=True, slots=True)
class CohortTurn:
    """The turn of a sub-cohort, in a campaign that asks them one after the other, each of them once a round.

    Attributes:
        cohorts: Number of sub-cohorts.
        round_: Number of the round, from 0.
        cohort: Number of the sub-cohort, from 0.
    """

    cohorts: int
    round_: int
    cohort: int

    @classmethod
    def after(cls, sums: int, cohorts: int) -> CohortTurn:
        """Return the turn after so many sums. One that was charged and never read counts: nobody is asked twice."""
        return cls(cohorts, *divmod(sums, cohorts))

    @property
    def opens(self) -> bool:
        """Return whether a round begins with this turn."""
        return self.cohort == 0

    def request(self, settings: Cohort, known: Mapping[str, Any], at: datetime) -> dict[str, Any]:
        """Return what distinguishes the request to this sub-cohort, for `round_offer.request_round`.

        Args:
            settings: Settings of the campaign.
            known: Values of its state.
            at: The time now.
        """
        low, high = bucket_range(settings.low, settings.high, self.cohort, self.cohorts)
        same = not self.opens and known.get("turn") == self.round_
        began = known["began"] if same else int(at.timestamp())
        return {
            "low": low,
            "high": high,
            "wanted": settings.wanted_of_cohort,
            "minimum_devices": settings.minimum_of_cohort,
            "pending": {"turn": self.round_, "cohort": self.cohort, "began": began},
        }


def combined(cohorts: Sequence[Mapping[str, SegmentEstimate]]) -> dict[str, Estimate]:
    """Return estimates by segment from those of each sub-cohort. One cohort's are returned as they are."""
    if len(cohorts) == 1:
        return dict(cohorts[0])
    names = dict.fromkeys(name for estimates in cohorts for name in estimates)
    return {name: MedianEstimate(tuple(estimates.get(name, UNKNOWN) for estimates in cohorts)) for name in names}


def level_of_each(level: float, cohorts: int) -> float:
    """Return the confidence that each sub-cohort's interval needs.

    Then `median_interval` holds with `level` even if fewer than half of the sub-cohorts are hostile.

    The median of the lower ends is above the truth only if one of the (k + 1) / 2 honest ones is at least; these
    share the chance (Bonferroni).
    """
    return 1 - (1 - level) / ((cohorts + 1) // 2)


def median_interval(intervals: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the medians of the lower and of the upper ends of an odd number of intervals."""
    lows, highs = (sorted(ends) for ends in zip(*intervals, strict=True))
    return lows[len(lows) // 2], highs[len(highs) // 2]
