"""Policy values with 95 % intervals over devices: decisions of one device are dependent, devices are not.

Ratios of sums are linearised (Cochran 1977, "Sampling techniques", eq. 6.13), as in `keyart_federated.metrics`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from keyart_federated.metrics import Z95, MetricEstimate, ratio

Doubles = npt.NDArray[np.float64]


def by_device(devices: npt.NDArray[np.intp], earned: Doubles) -> Doubles:
    """Return [devices, 2]: sums of reward and weight per device, from [n, 2] per case."""
    _, row = np.unique(devices, return_inverse=True)
    return np.stack([np.bincount(row, column) for column in earned.T], axis=1)


def value(sums: Doubles) -> MetricEstimate:
    """Return a policy's value from [devices, 2] sums of reward and weight."""
    return ratio(sums[:, 0], sums[:, 1])


def difference(first_sums: Doubles, second_sums: Doubles) -> MetricEstimate:
    """Return the second policy's value minus the first's on the same devices; common effects cancel."""
    first, second = value(first_sums), value(second_sums)
    gap = second.value - first.value
    n = len(first_sums)
    if n < 2:
        return MetricEstimate(gap, -math.inf, math.inf)
    residual = _residual(second_sums, second.value) - _residual(first_sums, first.value)
    half = Z95 * math.sqrt(n / (n - 1) * float((residual**2).sum()))
    return MetricEstimate(gap, gap - half, gap + half)


def plain(estimate: MetricEstimate) -> dict[str, float | None]:
    """Return plain values for JSON; an infinite end of an interval (one device) becomes None."""
    ends = {"low": estimate.low, "high": estimate.high}
    return {"value": estimate.value, **{name: end if math.isfinite(end) else None for name, end in ends.items()}}


def _residual(sums: Doubles, of: float) -> Doubles:
    total = sums[:, 1].sum()
    if abs(total) < 1e-12:
        return np.zeros(len(sums))
    return np.asarray((sums[:, 0] - of * sums[:, 1]) / total)
