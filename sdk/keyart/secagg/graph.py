"""The graph of a round: how many neighbours a device has, and how many of them rebuild its secrets.

The devices stand on a ring, each at a place that is the hash of its certified key and the round; neighbours are the
k/2 nearest on either side (Bell et al. 2020, "Secure single-server aggregation with (poly)logarithmic overhead",
section 3, with the permutation taken from the hash, so that a device can check it). Where that would be nearly all,
all are neighbours. Device and server work the same numbers out from n and the number of devices that must answer.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from ..errors import SettingError
from .key_agreement import LABEL

FAILURE: Final = 1e-6  # chance, over a whole round, that chance alone leaves some device with too few neighbours
DOUBT: Final = 1e-4  # chance that chance alone makes one device doubt the number of devices, by each of two checks
COLLUDING: Final = 0.05  # share of a device's neighbours that may be in league with a lying server
MIN_NEIGHBOURS: Final = 56  # were a fifth of all to collude, t or more of so many would with a chance below 1e-8
MAX_NEIGHBOURS: Final = 8192  # beyond, a device had megabytes to send, and long to search for k
RING: Final = 2**64  # length of the ring


@dataclass(frozen=True, slots=True)
class Graph:
    """The neighbour graph of a round.

    Attributes:
        devices: Number of devices on the ring.
        neighbours: Number of neighbours of each device, k.
        threshold: Number of shares that rebuild a secret, t.
        reach: Maximum distance of the k/2-th neighbour on a side, in units of the ring's 2^64th part.
        span: Maximum distance between the farthest neighbours on both sides, in the same units.
        survivors: Minimum number of a device's neighbours whose vectors must be in the sum.
    """

    devices: int
    neighbours: int
    threshold: int
    reach: int
    span: int
    survivors: int

    @classmethod
    def of(cls, devices: int, required: int) -> Graph:
        """Return the graph of a round.

        t > k/2 + `COLLUDING` k always holds: then two kinds of share of one device cannot both be obtained from
        neighbours that give out one kind only, and no part of the ring can be cut off. k is the first of 56, 58 … for
        which the probability that fewer than t of some device's neighbours answer, with the answering devices drawn
        at random, is below `FAILURE` (the hypergeometric tail, times n); then t is the greatest that keeps this. In a
        complete graph t is one less than `required`.

        Args:
            devices: Number of devices, 2 or more.
            required: Number of devices that must still answer at the end.

        Raises:
            SettingError: Even a complete graph has too few answers, or k exceeds `MAX_NEIGHBOURS`.
        """
        return _graph(devices, required)

    @property
    def complete(self) -> bool:
        """Return True if every device is a neighbour of every other."""
        return self.neighbours == self.devices - 1

    @property
    def max_disputes(self) -> int:
        """Return how many neighbours of an honest device may lie about its shares: `COLLUDING` of them, or one."""
        return max(1, int(COLLUDING * self.neighbours))

    def distances(self) -> range | list[int]:
        """Return how many places further on each neighbour stands, ascending, [k]."""
        k, n = self.neighbours, self.devices
        return range(1, n) if self.complete else [*range(1, k // 2 + 1), *range(n - k // 2, n)]


def min_required(devices: int) -> int:
    """Return the minimum number of answers that a round of so many devices can be completed with."""
    return _min_threshold(devices - 1) + 1


@lru_cache(maxsize=64)
def _graph(devices: int, required: int) -> Graph:
    least = min_required(devices) if devices >= 2 else 2
    if devices < 2 or not least <= required <= devices:
        raise SettingError(
            f"A sum of {devices} devices cannot be had from {required} answers: it takes 2 devices, and {least} of "
            f"{devices} answers (a threshold of {math.ceil(1000 * least / max(devices, 2)) / 1000}), since fewer "
            "would let a lying server unmask a device. Raise the threshold."
        )
    k = MIN_NEIGHBOURS
    while k < devices - 1:
        if k > MAX_NEIGHBOURS:
            raise SettingError(
                f"With {required} of {devices} answers a device would need more than {MAX_NEIGHBOURS} neighbours. "
                "Raise the threshold."
            )
        threshold = _reachable(devices, required, k)
        if threshold >= _min_threshold(k):
            survivors = _quantile(devices, required, k, DOUBT)
            return Graph(devices, k, threshold, _reach(devices, k), _span(devices, k), survivors)
        k += 2 * max(1, k // 64)  # by 3 % where there are many, so that the search is short
    return Graph(devices, devices - 1, required - 1, RING, RING, required - 1)


def _min_threshold(k: int) -> int:
    return k // 2 + 1 + int(COLLUDING * k)


def _reachable(n: int, required: int, k: int) -> int:
    """Return the greatest t with n · P(X < t) < `FAILURE`; X as in `_quantile`."""
    return _quantile(n, required, k, FAILURE / n)


def _quantile(n: int, required: int, k: int, chance: float) -> int:
    """Return the greatest t with P(X < t) < `chance`; X of k neighbours answer, `required` − 1 of n − 1 others do."""
    answering, silent, tail = required - 1, n - required, 0.0
    first = max(0, k - silent)
    log_chance = _log_choose(answering, first) + _log_choose(silent, k - first) - _log_choose(n - 1, k)
    for i in range(first, k):
        tail += math.exp(log_chance)
        if tail >= chance:
            return i
        log_chance += math.log((answering - i) * (k - i) / ((i + 1) * (silent - k + i + 1)))
    return k


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _reach(n: int, k: int) -> int:
    """Return a distance that an honest list exceeds with a probability below `FAILURE` in the round.

    Of n − 1 others at random places μ = (n − 1) x lie within x on average, and P(fewer than h) is below exp(−(μ − h)²
    / 2μ) (Chernoff); that is set to `FAILURE` / 2n and solved for μ.
    """
    h, tail = k / 2, math.log(2 * n / FAILURE)
    mean = h + tail + math.sqrt(tail**2 + 2 * h * tail)
    return min(RING, int(mean / (n - 1) * RING))


def _span(n: int, k: int) -> int:
    """Return a distance that k gaps in a row exceed with a probability of `DOUBT`.

    They do if of the n − 1 others fewer than k lie within the distance, a binomial tail.
    """
    counts = np.arange(k)
    ways = np.array([_log_choose(n - 1, i) for i in range(k)])
    low, high = k / n, 1.0  # k gaps are k / n long on average
    for _ in range(40):
        x = (low + high) / 2
        fewer = float(np.exp(ways + counts * math.log(x) + (n - 1 - counts) * math.log1p(-x)).sum())
        low, high = (x, high) if fewer > DOUBT else (low, x)
    return int(high * RING)


def ring_position(round_id: bytes, device: bytes) -> int:
    """Return the position of a device on the ring, 0 … 2^64 − 1.

    Args:
        round_id: Id of the round.
        device: The device's public key, which the round cannot change.
    """
    digest = hashlib.sha256(LABEL + b"place" + round_id + device).digest()
    return int.from_bytes(digest[:8], "little")
