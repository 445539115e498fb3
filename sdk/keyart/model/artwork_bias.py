"""Own: what this viewer did with single pictures, beyond what the pictures' tags tell.

The head learns by tags, so it cannot tell two pictures apart that carry the same, or none. Here each picture has a
logit of its own, which starts at 0 and learns from the same outcomes: the head's assumed-density update in one
dimension. With q = σ(play), w = q(1 − q), and v = 1 / (1 / OWN_VARIANCE + Σ w of the outcomes before),

    mean ← mean + v (played − q) / (1 + w v)          Σ w ← Σ w + w

A picture that is passed over again and again makes room for another, whatever it shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

Reals = Any  # one float32, or an array of them: a device has one outcome at a time

BIAS_VARIANCE = 0.05  # of a picture's logit, before anything is known of it
MAX_ARTWORKS = 1024  # pictures; what is known of the one that was answered longest ago is dropped

_ONE, _PRIOR_PRECISION = np.float32(1), np.float32(1 / BIAS_VARIANCE)  # of any numpy a float32 with a float32


def update_artwork_bias(mean: Reals, weight: Reals, q: Reals, played: Reals) -> tuple[Reals, Reals]:
    """mean and Σ w after one outcome […] of a picture. q: chance of a play with everything in it; played: 0 or 1."""
    w = q * (_ONE - q)
    variance = _ONE / (_PRIOR_PRECISION + weight)
    return mean + variance * (played - q) / (_ONE + w * variance), weight + w


class ArtworkBias:
    """One profile's. added [n]: by place among all artworks, what to add to the logit of play."""

    def __init__(self, artworks: int, known: Iterable[tuple[int, float, float]] = ()) -> None:
        self.added = np.zeros(artworks, dtype=np.float32)
        self._weight: dict[int, float] = {}
        for artwork, mean, weight in known:
            self.added[artwork], self._weight[artwork] = mean, weight

    def learn(self, artwork: int, q: Reals, played: Reals) -> None:
        """One outcome of the picture at that place. q: chance of a play with all parts in it; played: 0 or 1."""
        before = self._weight.pop(artwork, 0.0)  # and to the end: the order is that of the last outcome
        self.added[artwork], weight = update_artwork_bias(self.added[artwork], np.float32(before), q, played)
        self._weight[artwork] = float(weight)
        if len(self._weight) > MAX_ARTWORKS:
            oldest = next(iter(self._weight))
            del self._weight[oldest]
            self.added[oldest] = 0.0

    def of(self, artwork: int) -> tuple[float, float | None]:
        """mean and Σ w of the picture at that place; None where nothing came of it yet."""
        return float(self.added[artwork]), self._weight.get(artwork)

    def put_back(self, artwork: int, mean: float, weight: float | None) -> None:
        """As `of` told it before."""
        self.added[artwork] = mean
        if weight is None:
            self._weight.pop(artwork, None)
        else:
            self._weight[artwork] = weight

    def known(self) -> list[tuple[int, float, float]]:
        """(place, mean, Σ w) of each picture with an outcome, the last answered last."""
        return [(artwork, float(self.added[artwork]), weight) for artwork, weight in self._weight.items()]
