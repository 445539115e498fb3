"""Co-watch: which titles are watched together, projected on a few directions that the server asks about.

The matrix C = Σ x xᵀ − diag(Σ x²) of a fleet, with x a device's weighted views by title, has a number for each two
titles. A device sends its product with D directions instead; a few rounds of that find the leading eigenvectors
(subspace iteration; Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithm 4.4). Server
side: `keyart_federated.campaigns.cowatch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from ...dp.clip import clip_vectors
from ...model.features import EncodedCatalog
from ...types import Doubles
from ..device_batch import DeviceBatch
from ..offer import Offer
from ..vector_layout import VectorLayout
from ..vectors import batched_kind

COWATCH_TOPIC: Final = "together"  # as offers have named it since the first version


MAX_COUNTED_VIEWS = 256.0  # of a device that are counted
# What each part of a co-watch vector is divided by before it is shortened to 1, and its share of the squared norm.
COWATCH_PART_SCALES: Mapping[str, float] = {
    "views": 1.0,
    "weighted": 4.0,
    "squares": 1.0,
    "viewers": 2**0.5,
    "products": 1.0,
}
COWATCH_PART_SHARES: Mapping[str, float] = {
    "views": 0.1,
    "weighted": 0.05,
    "squares": 0.05,
    "viewers": 0.05,
    "products": 0.75,
}


@dataclass(frozen=True)
class CowatchLayout(VectorLayout):
    """Layout for T titles and D directions, of a device's views x by title, with |x| ≤ 1.

    Its parts are: views [T]: Σ x. weighted [T]: Σ x |x|₁. squares [T]: Σ x². viewers [2]: devices with a history, and
    their views as a share of `MAX_COUNTED_VIEWS`. products [T · D]: Σ x (xᵀA) − x² A, with A [T, D] the directions
    asked about. Each part is divided by its `COWATCH_PART_SCALES` and has its `COWATCH_PART_SHARES` of the squared
    norm.
    """

    titles: int
    directions: int

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Return the number of entries of each part, in order."""
        t = self.titles
        return {"views": t, "weighted": t, "squares": t, "viewers": 2, "products": t * self.directions}


def cowatch_vectors(layout: CowatchLayout, views: npt.NDArray[np.floating], asked: Doubles, clip: float) -> Doubles:
    """Return the vectors of d devices, each with a norm of at most 1, [d, layout.size].

    Args:
        layout: Layout of the vectors.
        views: Weighted views by title, 0 or more, [d, T].
        asked: Directions of a spectral norm of 1 or less, so that products are hardly clipped, [T, D].
        clip: Norm that a device's views are shortened to; they are divided by it.
    """
    counts = np.asarray(views, dtype=np.float64)
    x = counts / np.maximum(np.sqrt((counts**2).sum(axis=-1, keepdims=True)), clip)
    weight = counts.sum(axis=-1)
    along = x[:, None, :] @ asked  # a product for each device, so that a batch has the same bits as one device
    parts = {
        "views": x,
        "weighted": x * x.sum(axis=-1, keepdims=True),
        "squares": x**2,
        "viewers": np.stack([(weight > 0).astype(np.float64), np.minimum(weight / MAX_COUNTED_VIEWS, 1.0)], axis=-1),
        "products": (x[:, :, None] * along - (x**2)[:, :, None] * asked).reshape(len(x), asked.size),
    }
    return np.concatenate(
        [
            clip_vectors(parts[name] / COWATCH_PART_SCALES[name], 1.0)[0] * np.sqrt(COWATCH_PART_SHARES[name])
            for name in layout.sizes
        ],
        axis=-1,
    )


def layout(offer: Offer, encoded: EncodedCatalog) -> CowatchLayout | None:
    """Return the layout of an offer's vector, or None if the offer's directions are of another catalogue."""
    titles = len(encoded.first) - 1
    directions, rest = divmod(len(offer.numbers), titles)
    return CowatchLayout(titles, directions) if directions and not rest else None


def vectors(offer: Offer, batch: DeviceBatch) -> Doubles:
    """Return the vectors of a batch of devices, [d, size]."""
    directions = offer.numbers.reshape(len(batch.encoded.first) - 1, -1)
    return cowatch_vectors(CowatchLayout(*directions.shape), batch.views, directions, offer.clip)


KIND: Final = batched_kind("statistics", (COWATCH_TOPIC,), layout, vectors)
