"""A page: a picture for each title in one model run, varied across the page.

Titles are drawn in the order asked. What the page shows already lowers the value of more of the same:
value · (1 − diversity · similarity), similarity the mean cosine of tags with the pictures chosen so far. The
propensity is exact: that of the draw, given the draws before it.
"""

from __future__ import annotations

import numpy as np

from .features.encode import Floats

EPSILON = 1e-9


class PageMemory:
    """The mean direction of the pictures that the page shows so far."""

    def __init__(self, diversity: float, artwork_size: int) -> None:
        self._diversity = diversity
        self._sum = np.zeros(artwork_size, dtype=np.float32)
        self._count = 0

    def factors(self, artwork: Floats) -> Floats:
        """[A]: what to multiply the values of the next title's candidates [A, Z] with, in [1 − diversity, 1]."""
        if not self._count or not self._diversity:
            return np.ones(len(artwork), dtype=np.float32)
        similarity = _unit(artwork) @ self._sum / self._count
        return np.asarray(1.0 - self._diversity * similarity, dtype=np.float32)

    def show(self, artwork: Floats) -> None:
        """The picture [Z] that the page shows next."""
        self._sum += _unit(artwork)
        self._count += 1


def _unit(artwork: Floats) -> Floats:
    norm = np.linalg.norm(artwork, axis=-1, keepdims=True)
    return np.asarray(artwork / np.maximum(norm, EPSILON), dtype=np.float32)
