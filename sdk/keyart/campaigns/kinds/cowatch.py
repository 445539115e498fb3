"""Co-watch: which titles are watched together, seen through a few directions that the server asks about.

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

from ...dp.clip import clipped
from ...model.features import EncodedCatalog
from ..device_batch import DeviceBatch
from ..offer import Offer
from ..vector_layout import Places
from ..vectors import batched_kind

Doubles = npt.NDArray[np.float64]
TOPIC: Final = "together"  # as offers have named it since the first version


@dataclass(frozen=True)
class CowatchLayout(Places):
    """Layout for T titles and D directions, of views x by title with |x| ≤ 1.

    views [T]: Σ x. squares [T]: Σ x². viewers [1]: devices with a history. products [T · D]: Σ (x (xᵀA) − x² A) / 2,
    with A [T, D] the directions asked about. Each part has half of the norm.
    """

    titles: int
    directions: int

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        t = self.titles
        return {"views": t, "squares": t, "viewers": 1, "products": t * self.directions}


def cowatch_vectors(layout: CowatchLayout, views: npt.NDArray[np.floating], asked: Doubles) -> Doubles:
    """Return the vectors of d devices, each with a norm of at most 1, [d, layout.size].

    Args:
        layout: Layout of the vectors.
        views: Weighted views by title, 0 or more, [d, T].
        asked: Directions, [T, D]. Their columns should be orthonormal, so that nothing is clipped: then
            |x (xᵀA) − x² A| ≤ 2.
    """
    counts = np.asarray(views, dtype=np.float64)
    largest = counts.max(axis=-1, keepdims=True, initial=0.0)
    x = counts / np.where(largest > 0, largest, 1.0)  # now |x| is 1 or more, or 0
    x = x / np.maximum(np.sqrt((x**2).sum(axis=-1, keepdims=True)), 1.0)
    shares = x[:, None, :] @ asked  # a product for each device, so that a batch has the same bits as one device
    products = (x[:, :, None] * shares - (x**2)[:, :, None] * asked) / 2
    viewers = x.any(axis=-1, keepdims=True).astype(np.float64)
    parts = {"views": x, "squares": x**2, "viewers": viewers, "products": products.reshape(len(x), -1)}
    return np.concatenate([clipped(parts[name], 1.0)[0] / 2 for name in layout.sizes], axis=-1)


def layout(offer: Offer, encoded: EncodedCatalog) -> CowatchLayout | None:
    """Return the layout of an offer's vector, or None if the offer's directions are of another catalogue."""
    titles = len(encoded.first) - 1
    directions, rest = divmod(len(offer.numbers), titles)
    return CowatchLayout(titles, directions) if directions and not rest else None


def vectors(offer: Offer, batch: DeviceBatch) -> Doubles:
    """Return the vectors of a batch of devices, [d, size]."""
    asked = offer.numbers.reshape(len(batch.encoded.first) - 1, -1)
    return cowatch_vectors(CowatchLayout(*asked.shape), batch.views, asked)


KIND: Final = batched_kind("statistics", (TOPIC,), layout, vectors)
