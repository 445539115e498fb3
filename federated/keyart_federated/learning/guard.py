"""The guard: a check whether honest devices can make a noised sum. A sum that fails is not used.

Under a mask the server sees no vector, so it can shorten none: a hostile device may add any integers. The server can
only look at the sum. Nothing distinguishes a device at the clip from an honest one, whichever way its vector points:
n devices that keep to the clip move the sum by n times `l2`, and no more is what "within the clip" means here. A sum
beyond that is refused, and so is one whose signal is far longer than in earlier rounds.

The noise of many devices is nearly normal, so that a squared norm is a noncentral χ², and Birgé 2001, "An alternative
point of view on Lepski's method", lemma 8.1, bounds both of its tails: with d entries, true squared norm B in units
of the noise's variance, and probability e⁻ˣ each,

    above d + B + 2 √((d + 2B) x) + 2x          below d + B − 2 √((d + 2B) x)
"""

from __future__ import annotations

import math

import numpy as np

from keyart.campaigns import SIDE_NORM, TrainingLayout, VectorLayout
from keyart.dp import UNITS, integer_norm
from keyart.errors import RoundFailed, SettingError

from ..rounding import MAX_ROUNDING_VARIANCE
from ..types import Bools, Doubles, Integers

FALSE_ALARM = 1e-6  # the chance that a sum of honest devices is refused, or a cohort of them
TESTS = 4  # that share it: length, side entries, signal, and the bound on the signal before
ENTRY_SIGMAS = 12.0
# Upper bound on the norm of an honest cohort's mean update, as a multiple of the clipping norm: at first all of it,
# since a model that knows nothing errs the same way on each device; later half, or 1.5 times the smallest bound so
# far. Seasons change, and must not stop a fleet.
FIRST_BOUND, LATER_BOUND, GROWTH = 1.0, 0.5, 1.5
NOT_BELOW = ((0, 1), (3, 4))  # side entries: the factor and its share of ones; plays and quality plays
MIN_COHORTS = 2


def check(
    total: Integers,
    devices: int,
    variance: float,
    layout: VectorLayout,
    signal: float | None = None,
    units: int = UNITS,
) -> float:
    """Check that honest devices and their noise can make a sum, and return a bound for the next check.

    Honest devices are refused with a probability of `FALSE_ALARM` at most, as long as their mean stays within
    `FIRST_BOUND`, and later within `LATER_BOUND` or `GROWTH` times what it was.

    Args:
        total: The noised sum, [layout.size].
        devices: Number of devices in it.
        variance: Variance of the noise that each device adds to each entry.
        layout: Layout of the vectors.
        signal: Result of the last check. None at first.
        units: Integer steps to a norm of 1.

    Returns:
        The smallest upper bound so far on the norm of the devices' mean, as a share of the clip. A sum of anything
        but training bounds nothing (1).

    Raises:
        RoundFailed: Honest devices do not make such a sum.
    """
    reason = _out_of_reach(total, devices, variance, layout.size, units)
    variance += MAX_ROUNDING_VARIANCE
    if reason is None and isinstance(layout, TrainingLayout):
        part = layout.parts(total.astype(np.float64))
        reason = _implausible_side(
            part["side"] / (SIDE_NORM * units * devices), math.sqrt(variance / devices) / (SIDE_NORM * units)
        )
        if reason is None:
            clip, noise, x = devices * integer_norm(units, layout.size), devices * variance, _rarity()
            main = total[: layout.scaled] / math.sqrt(noise)
            square = float(main @ main)
            expected = FIRST_BOUND if signal is None else min(1.0, max(LATER_BOUND, GROWTH * signal))
            if square <= _max_square(main.size, (expected * clip) ** 2 / noise, x):
                bound = math.sqrt(_max_signal(main.size, square, x) * noise) / clip
                return min(bound, 1.0 if signal is None else signal)
            reason = f"is longer than {expected:.2f} of the clip and noise, which honest devices would not exceed"
    if reason is None:
        return 1.0
    raise RoundFailed(
        f"The sum of {devices} devices {reason}. It is not used, and the last good model stays. Some devices are "
        "broken or hostile: see which app versions and gateways took part, before the next campaign."
    )


def cohorts_agree(sums: Integers, devices: Integers, variance: float) -> Bools:
    """Return which cohorts of a round, split by chance, agree with the others, [k].

    The mean of a cohort is compared with that of the others. Honest ones differ by noise, and by who was drawn, for
    which McDiarmid 1989, "On the method of bounded differences", bounds the distance of means of vectors no longer
    than l2 at l2 √h (1 + √2x), with h = 1/n + 1/n'. The cohort that is farthest off is excluded first, until the
    rest agrees; all are excluded if fewer than two do. A cohort of honest devices among honest ones is refused with
    a probability of `FALSE_ALARM` at most.

    The split costs noise: each cohort's sum has to cover its people alone, so that k cohorts have k times the
    variance.

    Args:
        sums: Noised sums of the cohorts, [k, size].
        devices: Number of devices in each, [k].
        variance: Variance of the noise that each device adds to each entry.

    Raises:
        SettingError: The shapes are others.
    """
    count, size = sums.shape if sums.ndim == 2 else (0, 0)
    if count < MIN_COHORTS or devices.shape != (count,) or (devices < 1).any():
        raise SettingError("Cohorts are compared two or more at a time, a row and a number of devices each.")
    values, x, agree = sums.astype(np.float64), _rarity(TESTS * count), np.ones(count, dtype=np.bool_)
    while agree.sum() >= MIN_COHORTS:
        excess = np.zeros(count)
        for cohort in np.flatnonzero(agree):
            others = agree & (np.arange(count) != cohort)
            others_devices = devices[others].sum()
            h = 1.0 / devices[cohort] + 1.0 / others_devices
            apart = values[cohort] / devices[cohort] - values[others].sum(axis=0) / others_devices
            drawn = (integer_norm(UNITS, size) * (1.0 + math.sqrt(2.0 * x))) ** 2 / variance
            excess[cohort] = float(apart @ apart) / (variance * h) / _max_square(size, drawn, x)
        if excess.max() <= 1.0:
            return agree
        agree[excess.argmax()] = False
    return np.zeros(count, dtype=np.bool_)


def _out_of_reach(total: Integers, devices: int, variance: float, size: int, units: int) -> str | None:
    """Return why `devices` clipped vectors and their noise do not reach these integers, or None if they may."""
    if not isinstance(total, np.ndarray) or total.dtype != np.int64 or total.shape != (size,):
        return f"is not {size} integers of 64 bits"
    if devices < 1 or not (math.isfinite(variance) and variance >= 0):
        return f"comes with {devices} devices and a noise of variance {variance}"
    noise = devices * (variance + MAX_ROUNDING_VARIANCE)
    # As floats: the least integer has no absolute value.
    largest = max(float(total.max()), -float(total.min()))
    if largest > devices * units + ENTRY_SIGMAS * math.sqrt(noise):
        return "holds an entry that no devices at the clip reach"
    clip = devices * integer_norm(units, size)
    square = float((total.astype(np.float64) ** 2).sum()) / noise
    if square > _max_square(size, clip**2 / noise, _rarity()):
        return "is longer than devices at the clip could make it"
    return None


def _implausible_side(side: Doubles, sigma: float) -> str | None:
    """Return why these cannot be means of the side entries of `TrainingLayout`, or None if they may be."""
    slack = sigma * math.sqrt(2.0 * math.log(2.0 * (side.size + len(NOT_BELOW)) * TESTS / FALSE_ALARM))
    if side.min() < -slack or side.max() > 1.0 + slack:
        return "has side entries that are no shares"
    if any(side[high] < side[low] - math.sqrt(2.0) * slack for high, low in NOT_BELOW):
        return "has side entries that contradict each other"
    return None


def _rarity(shares: int = TESTS) -> float:
    """Return x of the module's bounds, for a test that has one of so many shares of the false alarms."""
    return math.log(shares / FALSE_ALARM)


def _max_square(size: int, signal: float, x: float) -> float:
    """Return the upper bound of a squared norm whose true value is `signal` (B)."""
    return size + signal + 2.0 * math.sqrt((size + 2.0 * signal) * x) + 2.0 * x


def _max_signal(size: int, square: float, x: float) -> float:
    """Return the largest B whose lower bound is not above `square`: y = √(d + 2B) solves a quadratic equation."""
    y = 2.0 * math.sqrt(x) + math.sqrt(max(0.0, 4.0 * x + 2.0 * square - size))
    return max(0.0, (y**2 - size) / 2.0)
