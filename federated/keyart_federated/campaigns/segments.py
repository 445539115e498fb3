"""Estimates by segment from a noised sum: mean rewards of all devices, of each device class and of each daypart.

A comparison estimates how much better a candidate would have done (`keyart.campaigns.kinds.segments`).

The unit is a device, as in `evaluation`. With n devices in a segment, z̄ = Σ z / n, and the noise's known variances
τ² in the three sums, the error of z̄ has, by the delta method, the variance

    (Σ z² − n z̄² + τ_z² + z̄² τ_n²) / n²

The first two terms are the variance between devices. They are seen through noise, too, so that one standard
deviation of it is added: an interval is rather too wide than too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from keyart.campaigns import SegmentLayout
from keyart_federated.rounding import sum_variance

from ..types import Integers
from .private_estimate import MIN_DEVIATIONS, normal_interval, require_sum

ALL: Final = "all"  # the segment of all devices


@dataclass(frozen=True, slots=True)
class SegmentEstimate:
    """The estimate of a segment.

    Attributes:
        mean: Mean over devices, in rewards a decision.
        standard_error: Its standard error, noise included. It is infinite where noise drowns the segment; the mean is
            0 then and says nothing.
        devices: Estimated number of devices that had (enough) decisions there.
    """

    mean: float
    standard_error: float
    devices: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of the mean. Raises SettingError."""
        return normal_interval(self.mean, self.standard_error, level)


def difference(new: SegmentEstimate, old: SegmentEstimate) -> SegmentEstimate:
    """Return new − old, of different devices."""
    error = math.hypot(new.standard_error, old.standard_error)
    return SegmentEstimate(new.mean - old.mean if math.isfinite(error) else 0.0, error, new.devices + old.devices)


def estimate(
    total: Integers, segments: SegmentLayout, units: int, devices: int, variance: float
) -> dict[str, SegmentEstimate]:
    """Return the estimates by segment, "all" first.

    Args:
        total: Noised sum of integer vectors, [segments.size].
        segments: Layout of the vectors.
        units: Integers to the norm of 1.
        devices: Number of devices in the sum.
        variance: Variance of the noise in each entry, that of all devices together.

    Raises:
        RoundFailed: The sum has another shape.
    """
    require_sum(total, segments.size, units, devices, variance)
    steps = 1 / (units * segments.weights)
    told, noise = total * steps, math.sqrt(sum_variance(variance, devices)) * steps
    counted, z, squares = segments.parts(told).values()
    noise_n, noise_z, noise_squares = segments.parts(noise).values()
    heard = counted >= MIN_DEVIATIONS * noise_n
    n = np.where(heard, counted, 1.0)
    mean = np.where(heard, z / n, 0.0)
    doubt = np.sqrt(noise_squares**2 + (2 * mean * noise_z) ** 2 + (mean**2 * noise_n) ** 2)
    differ = np.maximum(squares - n * mean**2 + doubt, 0.0)
    error = np.where(heard, np.sqrt(differ + noise_z**2 + (mean * noise_n) ** 2) / n, math.inf)
    table = np.stack([mean * segments.reach, error * segments.reach, np.maximum(counted, 0.0)], axis=1)
    return {name: SegmentEstimate(*row) for name, row in zip(segments.segments, table.tolist(), strict=True)}
