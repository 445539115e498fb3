"""Training: the gradient of a device's whole log, with a norm of at most 1, so that noise can cover each person.

Its curvature stays on the device: what costs noise and can be computed from simulated viewers is not sent
(learning.md, "What privacy costs"). Server side: `keyart_federated.campaigns.training`.
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
from ...model.features.encode import Ints
from ...model.features.spec import FeatureSpec
from ...model.ranker.weights import Weights, parameters, play_parameters
from ...model.scorer import Log
from ..device_batch import DeviceBatch
from ..offer import Offer
from ..vector_layout import Places
from ..vectors import batched_kind
from .gradient import sums

Doubles = npt.NDArray[np.float64]
SIDE = 0.1  # the most that a side entry adds to the norm
SIDES = 7
MOST_CURVATURE = 3.0  # times what is expected: a device's curvature is counted up to it


@dataclass(frozen=True)
class NoisedTraining(Places):
    """gradient [P]: of the whole log, each entry divided by its scale. artworks [n]: residuals of play by picture,
    likewise. side [`SIDES`]: how much clipping shortened the rest (1: not at all), whether it did not, decisions as a
    share of the most that is counted, of them plays and quality plays, and the curvature of play and of keep, summed,
    over that of the scale, as a share of `MOST_CURVATURE`; each between 0 and `SIDE`."""

    spec: FeatureSpec
    artworks: int

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        return {"gradient": parameters(self.spec), "artworks": self.artworks, "side": SIDES}


def main_norm() -> float:
    """What the side entries leave of a norm of 1 to the rest of a training vector."""
    return float(np.sqrt(1.0 - SIDES * SIDE**2))


def training_vectors(
    layout: NoisedTraining, weights: Weights, log: Log, artworks: Ints, scale: Doubles, clip: float, most: float
) -> Doubles:
    """[d, layout.size], none longer than 1. artworks [d, N]: what each decision showed. scale [P + n]: what each
    entry is divided by. clip: the norm that the divided vector is shortened to. most: decisions above which none is
    counted. Raises SettingError where a number is not finite."""
    device = sums(weights, log)
    count = len(log.counted)
    whole = np.zeros((count, len(scale)))
    size = device.gradient.shape[-1]
    whole[:, :size] = device.gradient
    at = np.broadcast_to(np.arange(count)[:, None], artworks.shape)
    np.add.at(whole, (at, size + artworks), device.artworks[..., 0])
    main, factor = clipped(whole / scale, clip)
    decisions = log.counted.sum(-1).astype(np.float64)
    tried = log.counted * log.played
    some = np.maximum(decisions, 1.0)
    side = np.stack(
        [
            factor,
            factor == 1.0,
            np.minimum(decisions / most, 1.0),
            tried.sum(-1) / some,
            (tried * log.quality).sum(-1) / some,
            *(
                np.minimum(met.sum(-1) / (expected.sum() * MOST_CURVATURE), 1.0)
                for met, expected in zip(
                    np.split(device.diagonal, [play_parameters(layout.spec)], axis=-1),
                    np.split(scale[:size] ** 2, [play_parameters(layout.spec)]),
                    strict=True,
                )
            ),
        ],
        axis=1,
    )
    return np.asarray(np.concatenate([main * (main_norm() / clip), side * SIDE], axis=1))


def layout(offer: Offer, encoded: EncodedCatalog) -> NoisedTraining | None:
    """Return the layout of an offer's vector, or None if the offer's scale is of another model or catalogue."""
    found = NoisedTraining(encoded.spec, len(encoded.artwork))
    scale = offer.numbers
    return found if len(scale) == found.size - found.sizes["side"] and (scale > 0).all() else None


def vectors(offer: Offer, batch: DeviceBatch) -> Doubles:
    """Return the vectors of a batch of devices, [d, size]."""
    places = NoisedTraining(batch.encoded.spec, len(batch.encoded.artwork))
    most = float(offer.most_decisions)
    return training_vectors(places, batch.weights, batch.log, batch.artworks, offer.numbers, offer.clip, most)


KIND: Final = batched_kind("training", ("",), layout, vectors)
