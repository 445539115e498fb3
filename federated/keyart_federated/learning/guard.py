"""Guard: whether a noised sum can be one of honest devices. A sum that cannot is not used.

Under a mask the server sees no vector, so it can shorten none: a hostile device may add any integers. What it can
look at is the sum. Nothing tells a device at the clip from an honest one, whichever way it points: n devices that
keep to the clip move the sum by n times `l2`, and no more is what "within the clip" means here. What goes beyond is
refused, and well before that what is longer than the rounds so far let expect.

Noise of many devices is as good as normal, so that a squared length is a noncentral χ² and Birgé 2001, "An
alternative point of view on Lepski's method", lemma 8.1, bounds both of its tails: with d entries, true squared
length B in units of the noise's variance, and probability e⁻ˣ each,

    above d + B + 2 √((d + 2B) x) + 2x          below d + B − 2 √((d + 2B) x)
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from keyart.campaigns.kinds.training import SIDE_NORM, TrainingLayout
from keyart.campaigns.vector_layout import VectorLayout
from keyart.dp.clip import UNITS, integer_norm
from keyart.errors import RoundFailed, SettingError

FALSE_ALARM = 1e-6  # the chance that a sum of honest devices is refused, or a cohort of them
TESTS = 4  # that share it: length, side entries, signal, and the bound on the signal before
ENTRY_SIGMAS = 12.0
# Of the clip, the most that honest devices' mean is long: at first all of it, since a model that knows nothing errs
# the same way on each device; later half, or 1.5 times what it has been at its least. Seasons change, and must not
# stop a fleet.
AT_FIRST, LATER, GROWTH = 1.0, 0.5, 1.5
NOT_BELOW = ((0, 1), (3, 4))  # side entries: the factor and its share of ones; plays and quality plays
LEAST_COHORTS = 2
ROUNDING = 0.25  # the most that rounding by chance adds to the variance of an integer, a device


def check(
    total: npt.NDArray[np.int64],
    devices: int,
    variance: float,
    layout: VectorLayout,
    signal: float | None = None,
    units: int = UNITS,
) -> float:
    """Raises RoundFailed for a sum [layout.size] that honest devices and their noise do not make.

    variance: of the noise that each device adds to each entry. signal: what the last check returned, None at first.
    units: integer steps to a norm of 1.
    Returns the least bound so far on the length of the devices' mean, as a share of the clip; a sum of anything but
    training bounds nothing (1). Honest devices are refused with a chance of `FALSE_ALARM` at most, as long as their
    mean stays within `AT_FIRST`, and later within `LATER` or `GROWTH` times what it was.
    """
    reason = _out_of_reach(total, devices, variance, layout.size, units)
    variance += ROUNDING
    if reason is None and isinstance(layout, TrainingLayout):
        part = layout.parts(total.astype(np.float64))
        reason = _side(
            part["side"] / (SIDE_NORM * units * devices), math.sqrt(variance / devices) / (SIDE_NORM * units)
        )
        if reason is None:
            clip, noise, x = devices * integer_norm(units, layout.size), devices * variance, _rarity()
            main = total[: layout.scaled] / math.sqrt(noise)
            square = float(main @ main)
            expected = AT_FIRST if signal is None else min(1.0, max(LATER, GROWTH * signal))
            if square <= _most_square(main.size, (expected * clip) ** 2 / noise, x):
                found = math.sqrt(_most_signal(main.size, square, x) * noise) / clip
                return min(found, 1.0 if signal is None else signal)
            reason = f"is longer than {expected:.2f} of the clip and noise, which honest devices would not exceed"
    if reason is None:
        return 1.0
    raise RoundFailed(
        f"The sum of {devices} devices {reason}. It is not used, and the last good model stays. Some devices are "
        "broken or hostile: see which app versions and gateways took part, before the next campaign."
    )


def cohorts_agree(
    sums: npt.NDArray[np.int64], devices: npt.NDArray[np.int64], variance: float
) -> npt.NDArray[np.bool_]:
    """[k]: which of the cohorts of a round, split by chance, tell the same as the others.

    sums [k, size]; devices [k]: of each; variance: of each device's noise. The mean of a cohort is compared with that
    of the others: honest ones differ by noise, and by who was drawn, for which McDiarmid 1989, "On the method of
    bounded differences", bounds the distance of means of vectors no longer than l2 at l2 √h (1 + √2x), with
    h = 1/n + 1/n'. The one that is farthest off goes first, until the rest agrees; all go where fewer than two do. A
    cohort of honest devices among honest ones is refused with a chance of `FALSE_ALARM` at most.

    It costs noise: each cohort's sum has to cover its people alone, so that k cohorts have k times the variance.
    Raises SettingError for other shapes.
    """
    count, size = sums.shape if sums.ndim == 2 else (0, 0)
    if count < LEAST_COHORTS or devices.shape != (count,) or (devices < 1).any():
        raise SettingError("Cohorts are compared two or more at a time, a row and a number of devices each.")
    values, x, agree = sums.astype(np.float64), _rarity(TESTS * count), np.ones(count, dtype=np.bool_)
    while agree.sum() >= LEAST_COHORTS:
        excess = np.zeros(count)
        for one in np.flatnonzero(agree):
            others = agree & (np.arange(count) != one)
            of_others = devices[others].sum()
            h = 1.0 / devices[one] + 1.0 / of_others
            apart = values[one] / devices[one] - values[others].sum(axis=0) / of_others
            drawn = (integer_norm(UNITS, size) * (1.0 + math.sqrt(2.0 * x))) ** 2 / variance
            excess[one] = float(apart @ apart) / (variance * h) / _most_square(size, drawn, x)
        if excess.max() <= 1.0:
            return agree
        agree[excess.argmax()] = False
    return np.zeros(count, dtype=np.bool_)


def _out_of_reach(total: npt.NDArray[np.int64], devices: int, variance: float, size: int, units: int) -> str | None:
    """Why these are no integers that `devices` clipped vectors and their noise reach; None: they may be."""
    if not isinstance(total, np.ndarray) or total.dtype != np.int64 or total.shape != (size,):
        return f"is not {size} integers of 64 bits"
    if devices < 1 or not (math.isfinite(variance) and variance >= 0):
        return f"comes with {devices} devices and a noise of variance {variance}"
    noise = devices * (variance + ROUNDING)
    # As floats: the least integer has no absolute value.
    largest = max(float(total.max()), -float(total.min()))
    if largest > devices * units + ENTRY_SIGMAS * math.sqrt(noise):
        return "holds an entry that no devices at the clip reach"
    clip = devices * integer_norm(units, size)
    square = float((total.astype(np.float64) ** 2).sum()) / noise
    if square > _most_square(size, clip**2 / noise, _rarity()):
        return "is longer than devices at the clip could make it"
    return None


def _side(told: npt.NDArray[np.float64], sigma: float) -> str | None:
    """Why these are no means of the side entries of `NoisedTraining`, seen through noise; None: they may be."""
    slack = sigma * math.sqrt(2.0 * math.log(2.0 * (told.size + len(NOT_BELOW)) * TESTS / FALSE_ALARM))
    if told.min() < -slack or told.max() > 1.0 + slack:
        return "has side entries that are no shares"
    if any(told[high] < told[low] - math.sqrt(2.0) * slack for high, low in NOT_BELOW):
        return "has side entries that contradict each other"
    return None


def _rarity(shares: int = TESTS) -> float:
    """x of the module's bounds, for a test that has one of so many shares of the false alarms."""
    return math.log(shares / FALSE_ALARM)


def _most_square(size: int, signal: float, x: float) -> float:
    """The upper bound; signal: B."""
    return size + signal + 2.0 * math.sqrt((size + 2.0 * signal) * x) + 2.0 * x


def _most_signal(size: int, square: float, x: float) -> float:
    """The largest B whose lower bound is not above `square`: in y = √(d + 2B) a quadratic equation."""
    y = 2.0 * math.sqrt(x) + math.sqrt(max(0.0, 4.0 * x + 2.0 * square - size))
    return max(0.0, (y**2 - size) / 2.0)
