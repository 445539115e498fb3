"""Skellam noise: integers whose sum over devices is Skellam again, so that each device adds its share of the noise.

Skellam(v) is the difference of two Poisson variables of mean v/2 each; its variance is v, and P(k) = e^(−v) I_k(v)
(Skellam 1946; I_k the modified Bessel function). Agarwal, Kairouz and Liu 2021, "The Skellam mechanism for
differentially private federated learning", bound what a sum with this noise tells.

No floating point is in the sampling: its rounding has given secrets away (Mironov 2012, "On significance of the least
significant bits for differential privacy"). A uniform integer of 128 bits is looked up in cumulative probabilities
of 128 bits, each 2⁻¹²⁷ or less from the exact one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..errors import SettingError

BITS = 128  # of a cumulative probability
GUARD_BITS = 64  # more, while they are computed
# Above it, variables of a table each are added. A table of this variance takes 0.12 s of CPU and 6 MB; a longer one
# takes longer to build than it saves.
MAX_TABLE_VARIANCE = 1 << 24
MAX_VARIANCE = 1 << 40
# Draws from tables that one vector may take, so that noise costs a device about a second of CPU. Whoever states the
# variance is a server: without a bound, a signed offer would keep a device busy for minutes.
MAX_DRAWS = 1 << 22
PART_DRAWS = 64  # draws that take as long as what each part costs besides its own
RandomBytes = Callable[[int], bytes]  # how many bytes: the bytes


def skellam_noise(size: int, variance: int, random: RandomBytes = os.urandom) -> npt.NDArray[np.int64]:
    """Draw independent integers of a Skellam distribution.

    Args:
        size: How many.
        variance: Their variance, from 0 to 2⁴⁰.
        random: Source of uniform bytes; the operating system's except in tests.

    Returns:
        Integers [size].

    Raises:
        SettingError: The variance is out of range.
    """
    if not 0 <= variance <= MAX_VARIANCE:
        raise SettingError(f"The noise's variance is {variance}; it must be between 0 and {MAX_VARIANCE:,}.")
    total = np.zeros(size, dtype=np.int64)
    parts = -(-variance // MAX_TABLE_VARIANCE)
    for part in range(parts):
        share = variance // parts + (part < variance % parts)
        total += _from_table(size, *_table(share), random)
    return total


def noise_draws(size: int, variance: int) -> int:
    """Return the cost of `skellam_noise` with these arguments, in draws from a table; see `MAX_DRAWS`."""
    return -(-variance // MAX_TABLE_VARIANCE) * (size + PART_DRAWS)


def _from_table(
    size: int, least: int, high: npt.NDArray[np.uint64], low: tuple[int, ...], random: RandomBytes
) -> npt.NDArray[np.int64]:
    """Draw by inversion: `least` plus the number of cumulative probabilities that are at most a uniform number."""
    drawn = np.frombuffer(random(8 * size), dtype="<u8")
    first, last = np.searchsorted(high, drawn, "left"), np.searchsorted(high, drawn, "right")
    for place in np.flatnonzero(first != last):  # the first 64 bits do not decide: 64 more do
        more = int.from_bytes(random(8), "little")
        first[place] += sum(value <= more for value in low[first[place] : last[place]])
    return first.astype(np.int64) + least


@lru_cache(maxsize=16)
def _table(variance: int) -> tuple[int, npt.NDArray[np.uint64], tuple[int, ...]]:
    """Return the smallest integer of the table, and the upper and lower halves of the cumulative probabilities.

    I_k(v) by backward recurrence from where it vanishes, I_(k−1) = I_(k+1) + (2k / v) I_k, normalised by e^v = I_0 +
    2 Σ I_k (Olver 1964; Abramowitz and Stegun 9.6.26 and 9.6.37), in integers.
    """
    if variance == 0:
        return 0, np.empty(0, dtype=np.uint64), ()
    # Beyond this many standard deviations, or for a small variance this many steps, less than 2⁻¹²⁸ is left.
    reach = 64 + int(15 * variance**0.5)
    after, present = 0, 1 << (BITS + GUARD_BITS)
    weights = [present]
    for k in range(reach, 0, -1):
        after, present = present, after + 2 * k * present // variance
        weights.append(present)
    half = weights[::-1]  # I_0, I_1, …
    whole = half[0] + 2 * sum(half[1:])
    running, cumulative = 0, []
    for weight in [*half[:0:-1], *half[:-1]]:
        running += weight
        cumulative.append(min((running << BITS) // whole, (1 << BITS) - 1))
    mask = (1 << 64) - 1
    high = np.array([value >> 64 for value in cumulative], dtype=np.uint64)
    return -reach, high, tuple(value & mask for value in cumulative)
