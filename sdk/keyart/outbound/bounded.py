"""Bounded statistics of one device: vectors no longer than 1, whatever is in the log. The rest is `noised`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..features.encode import Ints
from .clip import clipped
from .layout import Places

Doubles = npt.NDArray[np.float64]
BUCKETS = 8
BUCKET_SECONDS = 3 * 3600
MAX_VIEWS = 256.0  # of a device that are counted
# What each part of a co-watch vector is divided by before it is shortened to 1, and its share of the squared norm.
TOGETHER_SIZES: Mapping[str, float] = {
    "views": 1.0,
    "weighted": 4.0,
    "squares": 1.0,
    "viewers": 2**0.5,
    "products": 1.0,
}
TOGETHER_SHARES: Mapping[str, float] = {
    "views": 0.1,
    "weighted": 0.05,
    "squares": 0.05,
    "viewers": 0.05,
    "products": 0.75,
}


@dataclass(frozen=True)
class TrendingLayout(Places):
    """plays [T · `BUCKETS`]: by title, in three hours each from the offer's `since` on."""

    titles: int

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        return {"plays": self.titles * BUCKETS}


@dataclass(frozen=True)
class BoundedTogether(Places):
    """Which titles are watched together. x: a device's views by title, no longer than 1.

    views [T]: Σ x. weighted [T]: Σ x |x|₁. squares [T]: Σ x². viewers [2]: devices with a history, and their views as
    a share of `MAX_VIEWS`. products [T · D]: Σ x (xᵀA) − x² A, A [T, D] the directions asked about. Each part is
    divided by its `TOGETHER_SIZES` and has its `TOGETHER_SHARES` of the squared norm.
    """

    titles: int
    directions: int

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        t = self.titles
        return {"views": t, "weighted": t, "squares": t, "viewers": 2, "products": t * self.directions}


def trending_vector(layout: TrendingLayout, titles: Ints, ages: Doubles) -> Doubles:
    """[layout.size]. titles [v]: of each view. ages [v]: seconds from the window's start to when it began."""
    plays = np.zeros((layout.titles, BUCKETS))
    bucket = np.floor(ages / BUCKET_SECONDS)
    inside = (bucket >= 0) & (bucket < BUCKETS)
    np.add.at(plays, (titles[inside], bucket[inside].astype(np.intp)), 1.0)
    return clipped(plays.ravel(), 1.0)[0]


def together_vectors(layout: BoundedTogether, views: Doubles, asked: Doubles, clip: float) -> Doubles:
    """[d, layout.size], none longer than 1.

    Args:
        views: by title, 0 or more, [d, T].
        asked: directions, [T, D], of a spectral norm of 1 or less, so that products are hardly shortened.
        clip: norm that a device's views are shortened to; they are divided by it.
    """
    length = np.sqrt((views**2).sum(axis=1, keepdims=True))
    x = views / np.maximum(length, clip)
    weight = views.sum(axis=1)
    products = x[:, :, None] * (x @ asked)[:, None] - (x**2)[:, :, None] * asked
    parts = {
        "views": x,
        "weighted": x * x.sum(axis=1, keepdims=True),
        "squares": x**2,
        "viewers": np.stack([(weight > 0).astype(np.float64), np.minimum(weight / MAX_VIEWS, 1.0)], axis=1),
        "products": products.reshape(len(x), -1),
    }
    return np.concatenate(
        [
            clipped(parts[name] / TOGETHER_SIZES[name], 1.0)[0] * np.sqrt(TOGETHER_SHARES[name])
            for name in layout.sizes
        ],
        axis=1,
    )


def together_sums(
    layout: BoundedTogether, total: Doubles, clip: float
) -> tuple[dict[str, Doubles], dict[str, float]]:
    """Sums by part, in views, of a sum of `together_vectors`; and what each unit of its entries is there."""
    powers = {"views": 1, "weighted": 2, "squares": 2, "viewers": 0, "products": 2}
    back = {
        name: TOGETHER_SIZES[name] / np.sqrt(TOGETHER_SHARES[name]) * clip**power for name, power in powers.items()
    }
    return {name: part * back[name] for name, part in layout.parts(total).items()}, back
