"""Vectors of simulated devices: the functions of `keyart.campaigns.kinds`, over a batch of devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from keyart.campaigns.kinds.training import (
    NoisedPopulation,
    NoisedTraining,
    population_vectors,
    training_vectors,
)
from keyart.campaigns.offer import Offer
from keyart.dp.clip import clipped
from keyart.errors import SettingError

from .devices import Devices
from .participation import Bools

Integers = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@runtime_checkable
class HostileWorld(Protocol):
    """A World some of whose devices send something else than they should (examples/poisoned_fleet.py)."""

    def tamper(self, offer: Offer, vectors: Integers, numbers: Ints) -> Integers:
        """Return what devices `numbers` [d] send in place of their integers [d, size], but for the noise."""
        ...


def vectors_of(part: Devices, offer: Offer, drawn: Bools) -> Iterator[tuple[Ints, Doubles]]:
    """Yield the numbers [d] and vectors [d, size], no longer than 1, of the devices that answer, chunk by chunk.

    Args:
        part: the devices, with the model that the offer is about.
        offer: an offer of a training campaign.
        drawn: which of the part's devices [n] answer.

    Raises:
        SettingError: simulated devices have no vector of this kind, or a vector holds a number that is not finite.
    """
    for chunk, log, artworks in part.logs():
        if offer.kind == "training":
            vectors = training_vectors(
                NoisedTraining(part.encoded.spec, len(part.encoded.artwork)),
                part.weights,
                log,
                artworks,
                offer.numbers,
                offer.clip,
                float(offer.most_decisions),
            )
        elif (offer.kind, offer.topic) == ("statistics", "population"):
            vectors = population_vectors(
                NoisedPopulation(part.encoded.spec, len(part.encoded.first) - 1),
                log,
                part.encoded.title_of[artworks],
                part.viewer.affinity[chunk],
                part.known[chunk],
            )
        else:
            raise SettingError(f"Simulated devices answer no offer of kind {offer.kind!r} and topic {offer.topic!r}.")
        some = drawn[chunk]
        if some.any():
            yield part.members[chunk][some], clipped(vectors[some], 1.0)[0]
