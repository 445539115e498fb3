"""Bounded statistics of one device: vectors no longer than 1, whatever is in the log. The rest is `noised`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...dp.clip import clipped
from ...model.features.encode import Ints
from ..vector_layout import Places

Doubles = npt.NDArray[np.float64]
BUCKETS = 8
BUCKET_SECONDS = 3 * 3600


@dataclass(frozen=True)
class TrendingLayout(Places):
    """plays [T · `BUCKETS`]: by title, in three hours each from the offer's `since` on."""

    titles: int

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        return {"plays": self.titles * BUCKETS}


@dataclass(frozen=True)
class BoundedTogether(Places):
    """Of views x by title with |x| ≤ 1: views [T]: Σ x. squares [T]: Σ x². viewers [1]: devices with a history.
    products [T · D]: Σ (x (xᵀA) − x² A) / 2, A [T, D] the directions asked about. Each part has half of the norm."""

    titles: int
    directions: int

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        t = self.titles
        return {"views": t, "squares": t, "viewers": 1, "products": t * self.directions}


def trending_vector(layout: TrendingLayout, titles: Ints, ages: Doubles) -> Doubles:
    """[layout.size]. titles [v]: of each view. ages [v]: seconds from the window's start to when it began."""
    plays = np.zeros((layout.titles, BUCKETS))
    bucket = np.floor(ages / BUCKET_SECONDS)
    inside = (bucket >= 0) & (bucket < BUCKETS)
    np.add.at(plays, (titles[inside], bucket[inside].astype(np.intp)), 1.0)
    return clipped(plays.ravel(), 1.0)[0]


def together_vector(layout: BoundedTogether, views: Doubles, asked: Doubles) -> Doubles:
    """[layout.size]. views [T]: by title, 0 or more. asked [T, D]: its columns should be orthonormal, so that nothing
    is shortened: then |x (xᵀA) − x² A| ≤ 2."""
    most = float(views.max())
    x = views / most if most else views  # now |x| is 1 or more, or nothing
    x = x / max(float(np.sqrt((x**2).sum())), 1.0)
    products = (x[:, None] * (x @ asked) - (x**2)[:, None] * asked) / 2
    parts = {"views": x, "squares": x**2, "viewers": np.array([float(x.any())]), "products": products.ravel()}
    return np.concatenate([clipped(parts[name], 1.0)[0] / 2 for name in layout.sizes])
