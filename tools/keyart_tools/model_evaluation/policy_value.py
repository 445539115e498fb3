"""Values of policies with 95 % intervals, over devices: a device's decisions depend on each other, devices do not.

Ratios of sums by linearisation (Cochran 1977, "Sampling techniques", eq. 6.13), as in `keyart_federated.metrics`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from keyart_federated.metrics import Z95, Estimate, ratio

Doubles = npt.NDArray[np.float64]


def by_device(devices: npt.NDArray[np.intp], earned: Doubles) -> Doubles:
    """[devices, 2]: sums of reward and weight of each device, from those of each occasion [n, 2]."""
    _, row = np.unique(devices, return_inverse=True)
    return np.stack([np.bincount(row, column) for column in earned.T], axis=1)


def value(sums: Doubles) -> Estimate:
    """Of one policy; sums [devices, 2] of reward and weight."""
    return ratio(sums[:, 0], sums[:, 1])


def difference(one: Doubles, other: Doubles) -> Estimate:
    """Of two on the same devices, the second's value less the first's: what devices have in common cancels."""
    first, second = value(one), value(other)
    apart = second.value - first.value
    n = len(one)
    if n < 2:
        return Estimate(apart, -math.inf, math.inf)
    residual = _residual(other, second.value) - _residual(one, first.value)
    half = Z95 * math.sqrt(n / (n - 1) * float((residual**2).sum()))
    return Estimate(apart, apart - half, apart + half)


def plain(estimate: Estimate) -> dict[str, float | None]:
    """For JSON: an infinite end (one device) becomes None."""
    ends = {"low": estimate.low, "high": estimate.high}
    return {"value": estimate.value, **{name: end if math.isfinite(end) else None for name, end in ends.items()}}


def _residual(sums: Doubles, of: float) -> Doubles:
    total = sums[:, 1].sum()
    if abs(total) < 1e-12:
        return np.zeros(len(sums))
    return np.asarray((sums[:, 0] - of * sums[:, 1]) / total)
