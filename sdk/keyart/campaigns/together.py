"""Which titles are watched together, as sums: what the server needs to find the titles' latents, and no more.

The matrix C = Σ x xᵀ − diag(Σ x²) of a fleet, x a device's weighted views by title, has a number for each two titles.
A device sends its product with a few directions that the server asks about instead, a few times over: that is enough
for the leading eigenvectors (subspace iteration; Halko, Martinsson and Tropp 2011, "Finding structure with
randomness", algorithm 4.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..model.features.encode import Floats
from .kinds.gradient import FRACTION_BITS, to_integers
from .vector_layout import Places


@dataclass(frozen=True)
class TogetherLayout(Places):
    """views [T]: Σ x. weighted [T]: Σ x |x|, |x| the sum of a device's views. squares [T]: Σ x². viewers [1]: devices
    with a history. products [T · D]: Σ x (xᵀA) − x² A, A [T, D] the directions asked about."""

    titles: int
    directions: int

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        return {
            "views": self.titles,
            "weighted": self.titles,
            "squares": self.titles,
            "viewers": 1,
            "products": self.titles * self.directions,
        }


def together(views: Floats, asked: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Sum of the vectors of devices [d] in the places of `TogetherLayout`. views [d, T]; asked [T, D]."""
    x = views.astype(np.float64)
    most = x.sum(axis=1, keepdims=True)
    total = np.zeros(TogetherLayout(*asked.shape).size, dtype=np.int64)
    for mine, of_mine in zip(x, most, strict=True):
        seen = np.flatnonzero(mine)
        if not len(seen):
            continue
        part = TogetherLayout(*asked.shape).parts(total)
        few, directions = mine[seen], asked[seen]
        part["views"][seen] += to_integers(few, FRACTION_BITS)
        part["weighted"][seen] += to_integers(few * of_mine, FRACTION_BITS)
        part["squares"][seen] += to_integers(few**2, FRACTION_BITS)
        part["viewers"] += 1 << FRACTION_BITS
        products = few[:, None] * (few @ directions) - few[:, None] ** 2 * directions
        part["products"].reshape(asked.shape)[seen] += to_integers(products, FRACTION_BITS)
    return total
