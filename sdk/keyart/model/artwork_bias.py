"""Artwork bias: what this viewer did with single artworks, beyond what the artworks' tags explain.

The head learns by tags, so it cannot tell two artworks apart that carry the same tags, or none. Here each artwork has
a logit of its own, which starts at 0 and learns from the same outcomes: the head's assumed-density update in one
dimension. With q = σ(play), w = q(1 − q), and v = 1 / (1 / BIAS_VARIANCE + Σ w of the outcomes before),

    mean ← mean + v (played − q) / (1 + w v)          Σ w ← Σ w + w

An artwork that is passed over again and again makes room for another one, whatever it shows.
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
    """Return mean and Σ w of an artwork after one outcome, […] each.

    Args:
        mean: Mean of the artwork's logit, […].
        weight: Σ w, […].
        q: Probability of a play with all parts of the logit, […].
        played: 0 or 1, […].
    """
    w = q * (_ONE - q)
    variance = _ONE / (_PRIOR_PRECISION + weight)
    return mean + variance * (played - q) / (_ONE + w * variance), weight + w


class ArtworkBias:
    """The artwork biases of one profile. `added` [n] is added to the logit of play, by place among all artworks."""

    def __init__(self, artworks: int, known: Iterable[tuple[int, float, float]] = ()) -> None:
        self.added = np.zeros(artworks, dtype=np.float32)
        self._weight: dict[int, float] = {}
        for artwork, mean, weight in known:
            self.added[artwork], self._weight[artwork] = mean, weight

    def learn(self, artwork: int, q: Reals, played: Reals) -> None:
        """Learn from one outcome.

        Args:
            artwork: Place of the artwork.
            q: Probability of a play with all parts of the logit.
            played: 0 or 1.
        """
        before = self._weight.pop(artwork, 0.0)  # and to the end: the order is that of the last outcome
        self.added[artwork], weight = update_artwork_bias(self.added[artwork], np.float32(before), q, played)
        self._weight[artwork] = float(weight)
        if len(self._weight) > MAX_ARTWORKS:
            oldest = next(iter(self._weight))
            del self._weight[oldest]
            self.added[oldest] = 0.0

    def of(self, artwork: int) -> tuple[float, float | None]:
        """Return mean and Σ w of an artwork by its place; Σ w is None without an outcome."""
        return float(self.added[artwork]), self._weight.get(artwork)

    def put_back(self, artwork: int, mean: float, weight: float | None) -> None:
        """Restore the values that `of` returned."""
        self.added[artwork] = mean
        if weight is None:
            self._weight.pop(artwork, None)
        else:
            self._weight[artwork] = weight

    def known(self) -> list[tuple[int, float, float]]:
        """Return (place, mean, Σ w) of each artwork with an outcome, the last answered last."""
        return [(artwork, float(self.added[artwork]), weight) for artwork, weight in self._weight.items()]
