"""Trending: plays by title in the last day, in buckets of three hours.

Server side: `keyart_federated.campaigns.trending`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from ...dp.clip import clip_vectors
from ...types import Doubles, Ints
from ..offer import Offer
from ..vector_layout import VectorLayout
from ..vectors import DeviceKind, VectorSource

TRENDING_BUCKETS: Final = 8
TRENDING_BUCKET_SECONDS: Final = 3 * 3600


@dataclass(frozen=True)
class TrendingLayout(VectorLayout):
    """Layout for a catalogue of so many titles.

    plays [T · `TRENDING_BUCKETS`]: plays by title, in buckets of three hours from the offer's `since` on.
    """

    titles: int

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Return the number of entries of each part, in order."""
        return {"plays": self.titles * TRENDING_BUCKETS}


def trending_vector(layout: TrendingLayout, titles: Ints, ages: Doubles) -> Doubles:
    """Return the plays of one device, clipped to a norm of 1, [layout.size].

    Args:
        layout: Layout of the vector.
        titles: Title of each view, [v], by its place in the catalogue.
        ages: Seconds from the start of the window to the start of each view, [v].
    """
    plays = np.zeros((layout.titles, TRENDING_BUCKETS))
    bucket = np.floor(ages / TRENDING_BUCKET_SECONDS)
    inside = (bucket >= 0) & (bucket < TRENDING_BUCKETS)
    np.add.at(plays, (titles[inside], bucket[inside].astype(np.intp)), 1.0)
    return clip_vectors(plays.ravel(), 1.0)[0]


def _layout(offer: Offer, source: VectorSource) -> TrendingLayout | None:
    return TrendingLayout(len(source.catalog)) if not offer.payload else None


def _vector(offer: Offer, source: VectorSource) -> Doubles:
    catalog = source.catalog
    views = [view for view in source.profile.journal.views() if view.title_id in catalog]
    titles = np.array([catalog.index(view.title_id) for view in views], dtype=np.intp)
    ages = np.array([view.at.timestamp() - offer.since for view in views], dtype=np.float64)
    return trending_vector(TrendingLayout(len(catalog)), titles, ages)


KIND: Final = DeviceKind("statistics", ("trending",), _layout, _vector)
