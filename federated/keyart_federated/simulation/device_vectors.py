"""Vectors of simulated devices: those of `keyart.campaigns.kinds`, over a batch of devices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, runtime_checkable

from keyart.campaigns import CompactVectors, DeviceBatch, Offer, find_kind
from keyart.dp import clip_vectors
from keyart.errors import SettingError

from ..types import Bools, Integers, Ints
from .devices import Devices


@runtime_checkable
class HostileWorld(Protocol):
    """A World some of whose devices send something else than they should (examples/poisoned_fleet.py).

    Simulate it without masks: a session refuses integers beyond the bound of its round, and an attacker's would not.
    """

    def tamper(self, offer: Offer, vectors: Integers, numbers: Ints) -> Integers:
        """Return what devices `numbers` [d] send in place of their integers [d, size], but for the noise."""
        ...


def vectors_of(part: Devices, offer: Offer, drawn: Bools) -> Iterator[tuple[Ints, CompactVectors]]:
    """Yield the numbers [d] and the vectors, no longer than 1, of the devices that answer, chunk by chunk.

    Args:
        part: the devices, with the model that the offer is about.
        offer: the offer.
        drawn: which of the part's devices [n] answer.

    Raises:
        SettingError: no batch of devices answers such an offer, or a vector holds a number that is not finite.
    """
    kind = find_kind(offer)
    if kind is None or kind.vectors is None:
        raise SettingError(f"Simulated devices answer no offer of kind {offer.kind!r} and topic {offer.topic!r}.")
    for chunk, batch in part.batches():
        some = drawn[chunk]
        if some.any():
            vectors = kind.vectors(offer, batch).of_devices(some)
            yield part.members[chunk][some], replace(vectors, values=clip_vectors(vectors.values, 1.0)[0])


__all__ = ["DeviceBatch", "HostileWorld", "vectors_of"]
