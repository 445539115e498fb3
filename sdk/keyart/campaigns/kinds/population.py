"""Population: means over the device's own log that describe the shape of the population, and no more.

From their sums the server draws synthetic viewers (`keyart_federated.learning.curvature`) and computes on them the
curvature that no device has to send. Server side: `keyart_federated.campaigns.population`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from ...dp.clip import clip_vectors
from ...model.features import EncodedCatalog
from ...model.features.spec import FeatureSpec
from ...model.features.viewer import sharpen_affinity
from ...model.scorer import DecisionLog
from ...types import Doubles, Floats, Ints
from ..device_batch import DeviceBatch
from ..offer import Offer
from ..vector_layout import VectorLayout
from ..vectors import batched_kind

# What each part of a population vector is divided by before it is shortened to 1: about the norm that a device has.
POPULATION_PART_SCALES: Mapping[str, float] = {
    "viewers": 1.6,
    "contexts": 1.0,
    "situations": 12.0,
    "matches": 3.0,
    "taste": 1.5,
    "titles": 1.0,
}


@dataclass(frozen=True)
class PopulationLayout(VectorLayout):
    """Layout of a population vector. Each part has the same share of the norm.

    Its parts are: viewers, contexts, situations, matches, taste: means over the device's decisions of
    `population_sums`. titles [T]: decisions by title, as shares of a norm of 1.
    """

    spec: FeatureSpec
    titles: int

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Return the number of entries of each part, in order."""
        spec = self.spec
        return {
            "viewers": len(spec.leading_tags) * (1 + spec.viewer_size + len(spec.viewer_kinds)),
            "contexts": (len(spec.devices) + 1) * len(spec.dayparts),
            "situations": 4,
            "matches": 2 * len(spec.match_names),
            "taste": spec.viewer_size + 1,
            "titles": self.titles,
        }


def population_part_norm() -> float:
    """Return the norm of each part of a population vector, whose norm is 1."""
    return float(np.sqrt(1.0 / len(POPULATION_PART_SCALES)))


def population_sums(spec: FeatureSpec, log: DecisionLog, affinity: Floats, known: Floats) -> dict[str, Floats]:
    """Return sums over a log by part of `PopulationLayout`, […, size].

    Args:
        spec: The feature spec.
        log: The decisions.
        affinity: Affinity of each viewer, […, H].
        known: 1 if the viewer has a history, […].
    """
    rows, counted = log.rows, log.counted
    member = spec.viewer_members
    described = np.concatenate([known[..., None], affinity, affinity**2 @ member.T], axis=-1) * known[..., None]
    leading = np.array([tag in spec.leading_tags for tag in spec.viewer_tags], dtype=bool)
    bins = np.zeros((*known.shape, len(spec.leading_tags)), dtype=np.float32)
    if bins.shape[-1]:
        np.put_along_axis(bins, affinity[..., leading].argmax(-1)[..., None], 1.0, axis=-1)
    viewers = bins[..., :, None] * described[..., None, :]
    devices = rows.context[..., : len(spec.devices) + 1]
    dayparts = rows.context[..., len(spec.devices) + 1 :]
    contexts = np.swapaxes(devices * counted[..., None], -1, -2) @ dayparts
    situation = rows.main[..., 1:3] * counted[..., None]
    match = rows.match * counted[..., None]
    return {
        "viewers": viewers.reshape(*known.shape, -1),
        "contexts": contexts.reshape(*known.shape, -1),
        "situations": np.concatenate([situation.sum(-2), (situation * rows.main[..., 1:3]).sum(-2)], axis=-1),
        "matches": np.concatenate([match.sum(-2), (match * rows.match).sum(-2)], axis=-1),
        "taste": np.concatenate([sharpen_affinity(affinity, spec) * known[..., None], known[..., None]], axis=-1),
    }


def population_vectors(
    layout: PopulationLayout, log: DecisionLog, titles: Ints, affinity: Floats, known: Floats
) -> Doubles:
    """Return the vectors of d devices, each with a norm of at most 1, [d, layout.size].

    Args:
        layout: Layout of the vectors.
        log: The decisions, [d, N].
        titles: Title of each decision, [d, N].
        affinity: Affinity of each viewer, [d, H].
        known: 1 if the viewer has a history, [d].

    Raises:
        SettingError: A number is not finite.
    """
    parts = population_sums(layout.spec, log, affinity, known)
    decisions = np.maximum(log.counted.sum(-1), 1.0)[:, None]
    count = len(decisions)
    shown = np.zeros((count, layout.titles))
    np.add.at(shown, (np.broadcast_to(np.arange(count)[:, None], titles.shape), titles), log.counted)
    means = {
        "viewers": parts["viewers"],
        "contexts": parts["contexts"] / decisions,
        "situations": parts["situations"] / decisions,
        "matches": parts["matches"] / decisions,
        "taste": parts["taste"],
        "titles": shown / np.maximum(np.sqrt((shown**2).sum(-1, keepdims=True)), 1.0),
    }
    shares = [
        clip_vectors(np.asarray(means[name], dtype=np.float64) / POPULATION_PART_SCALES[name], 1.0)[0]
        * population_part_norm()
        for name in layout.sizes
    ]
    return np.concatenate(shares, axis=1)


def layout(offer: Offer, encoded: EncodedCatalog) -> PopulationLayout | None:
    """Return the layout of an offer's vector, or None if the offer has a payload."""
    return PopulationLayout(encoded.spec, len(encoded.first) - 1) if not offer.payload else None


def vectors(offer: Offer, batch: DeviceBatch) -> Doubles:
    """Return the vectors of a batch of devices, [d, size]."""
    places = PopulationLayout(batch.encoded.spec, len(batch.encoded.first) - 1)
    titles = batch.encoded.title_of[batch.artworks]
    return population_vectors(places, batch.log, titles, batch.affinity, batch.has_history)


KIND: Final = batched_kind("statistics", ("population",), layout, vectors)
