"""The guard: a check whether honest devices can make a noised sum, whatever its kind. A sum that fails is not used.

Under a mask the server sees no vector, so it can shorten none: a hostile device may add any integers. The server can
only look at the sum. What one honest device can send is known by kind (`honest_vectors`), and n of them make at most
n times as much, with their noise around it. A sum beyond that is refused, and so is one of training whose signal is
far longer than in earlier rounds. Within it, a hostile device moves what it likes: the guard bounds how far, and
`sub_cohorts` makes decisions that no single device can move.

A sum of n devices' noise is bounded by Bernstein's inequality (variance V, steps of one integer): it exceeds
x/3 + √(x²/9 + 2 V x) with probability e⁻ˣ at most. The squared norm of many entries is a noncentral χ², and Birgé
2001, "An alternative point of view on Lepski's method", lemma 8.1, bounds both of its tails: with d entries, true
squared norm B in units of the noise's variance, and probability e⁻ˣ each,

    above d + B + 2 √((d + 2B) x) + 2x          below d + B − 2 √((d + 2B) x)
"""

from __future__ import annotations

import math

import numpy as np

from keyart.dp import UNITS, integer_norm
from keyart.errors import SumRefused

from ..rounding import MAX_ROUNDING_VARIANCE
from ..types import Bools, Doubles, Integers
from .honest_vectors import HonestVectors, Pairs

FALSE_ALARM = 1e-6  # the chance that a sum of honest devices is refused
# Upper bound on the norm of an honest cohort's mean update, as a multiple of the clipping norm: at first all of it,
# since a model that knows nothing errs the same way on each device; later half, or 1.5 times the smallest bound so
# far. Seasons change, and must not stop a fleet.
FIRST_BOUND, LATER_BOUND, GROWTH = 1.0, 0.5, 1.5
ROUNDING_BIAS = 1.0  # integers by which drawing again may move an entry of one device (`keyart.dp.clip`)


def check(
    total: Integers,
    devices: int,
    variance: float,
    honest: HonestVectors,
    signal: float | None = None,
    units: int = UNITS,
) -> float:
    """Check that honest devices and their noise can make a sum, and return a bound for the next check.

    Honest devices are refused with a probability of `FALSE_ALARM` at most, as long as their mean stays within
    `FIRST_BOUND`, and later within `LATER_BOUND` or `GROWTH` times what it was.

    Args:
        total: The noised sum, [honest.size].
        devices: Number of devices in it.
        variance: Variance of the noise that each device adds to each entry.
        honest: What one honest device can send.
        signal: Result of the last check. None at first.
        units: Integer steps to a norm of 1.

    Returns:
        The smallest upper bound so far on the norm of the devices' mean, as a share of the clip; 1 for a kind without
        a signal.

    Raises:
        SumRefused: Honest devices do not make such a sum.
    """
    reason = _no_sum(total, devices, variance, honest.size)
    if reason is None:
        x, noise = rarity(honest), devices * (variance + MAX_ROUNDING_VARIANCE)
        values = total.astype(np.float64)
        reason = _out_of_reach(values, devices, noise, honest, units, x) or _contradictory(
            values, devices, noise, honest, units, x
        )
    if reason is None and honest.signal is not None:
        main = values[honest.signal] / math.sqrt(noise)
        clip, square = devices * integer_norm(units, honest.size), float(main @ main)
        expected = FIRST_BOUND if signal is None else min(1.0, max(LATER_BOUND, GROWTH * signal))
        if square <= max_square(main.size, (expected * clip) ** 2 / noise, x):
            bound = math.sqrt(_max_signal(main.size, square, x) * noise) / clip
            return min(bound, 1.0 if signal is None else signal)
        reason = f"is longer than {expected:.2f} of the clip and noise, which honest devices would not exceed"
    if reason is None:
        return 1.0
    raise SumRefused(
        f"The sum of {devices} devices {reason}. It is not used, and the last good result stays. Some devices are "
        "broken or hostile: see which app versions and gateways took part, before the next campaign."
    )


def rarity(honest: HonestVectors) -> float:
    """Return x of the module's bounds: all tests of a sum share `FALSE_ALARM`."""
    pairs = [pairs for pairs in (honest.ordered, honest.squared) if pairs is not None]
    # Two sides of each entry and pair, a norm of each part and of the whole, and two of the signal.
    tests = 2 * honest.size + 2 * sum(len(one.first) for one in pairs) + len(honest.parts) + 3
    return math.log(tests / FALSE_ALARM)


def max_square(size: int, signal: float, x: float) -> float:
    """Return the upper bound of a squared norm whose true value is `signal` (B)."""
    return size + signal + 2.0 * math.sqrt((size + 2.0 * signal) * x) + 2.0 * x


def _no_sum(total: Integers, devices: int, variance: float, size: int) -> str | None:
    """Return why these are no noised sum at all, or None."""
    if not isinstance(total, np.ndarray) or total.dtype != np.int64 or total.shape != (size,):
        return f"is not {size} integers of 64 bits"
    if devices < 1 or not (math.isfinite(variance) and variance >= 0):
        return f"comes with {devices} devices and a noise of variance {variance}"
    return None


def _out_of_reach(
    values: Doubles, devices: int, noise: float, honest: HonestVectors, units: int, x: float
) -> str | None:
    """Return why so many honest devices do not reach these values, or None if they may."""
    slack = _slack(noise, x) + devices * ROUNDING_BIAS
    scale = float(devices * units)
    if (values > scale * honest.high + slack).any() or (values < scale * honest.low - slack).any():
        return "holds an entry that no devices at the clip reach"
    for part, norm in ((slice(None), 1.0), *honest.parts):
        entries = values[part]
        clip = devices * integer_norm(math.ceil(units * norm), entries.size)
        if float(entries @ entries) / noise > max_square(entries.size, clip**2 / noise, x):
            return "is longer than devices at the clip could make it"
    return None


def _contradictory(
    values: Doubles, devices: int, noise: float, honest: HonestVectors, units: int, x: float
) -> str | None:
    """Return why entries do not belong to the same honest devices, or None if they may."""
    wrong = np.zeros(0, dtype=np.bool_)
    if honest.ordered is not None:
        wrong = _disordered(values, devices, noise, honest, honest.ordered, x)
    if honest.squared is not None:
        pairs = honest.squared
        slack = _slack(noise, x) + devices * ROUNDING_BIAS
        # With weights a of z and b of z²: |Σ az| / a ≤ √(n Σ bz² / b), in integers.
        a = honest.high[pairs.first]
        squares = np.maximum(values[pairs.second] + slack, 0.0) / pairs.ratio
        wrong = np.concatenate([wrong, np.abs(values[pairs.first]) > np.sqrt(devices * units * a * squares) + slack])
    return "has entries that contradict each other" if wrong.any() else None


def _disordered(values: Doubles, devices: int, noise: float, honest: HonestVectors, pairs: Pairs, x: float) -> Bools:
    """Return which pairs are not in their order, even with noise."""
    first, second = values[pairs.first] * pairs.ratio, values[pairs.second]
    slack = _slack(noise * (1 + pairs.ratio**2), x, np.maximum(1.0, pairs.ratio))
    slack += devices * ROUNDING_BIAS * (1 + pairs.ratio)
    size = np.where(honest.low[pairs.second] < 0, np.abs(second), second)
    return np.asarray(size - first > slack)


def _slack(variance: float | Doubles, x: float, step: float | Doubles = 1.0) -> Doubles:
    """Return the bounds on sums of independent variables of so much variance, in steps of so much (Bernstein)."""
    return np.asarray(step * x / 3 + np.sqrt((step * x / 3) ** 2 + 2.0 * variance * x))


def _max_signal(size: int, square: float, x: float) -> float:
    """Return the largest B whose lower bound is not above `square`: y = √(d + 2B) solves a quadratic equation."""
    y = 2.0 * math.sqrt(x) + math.sqrt(max(0.0, 4.0 * x + 2.0 * square - size))
    return max(0.0, (y**2 - size) / 2.0)
