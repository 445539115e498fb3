"""The integer vectors of a node's devices: clipped, rounded, noised, as each device makes its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from keyart.errors import FederatedError
from keyart.outbound.bounded import BoundedTogether, together_vectors
from keyart.outbound.clip import rounded
from keyart.outbound.noised import NoisedPopulation, NoisedTraining, population_vectors, training_vectors
from keyart.outbound.skellam import Random, skellam

from ..devices import Devices
from .wire import Ask

Integers = npt.NDArray[np.int64]


@runtime_checkable
class Hostile(Protocol):
    """A World some of whose devices do not send what they should (examples/poisoned_fleet.py)."""

    def tamper(self, ask: Ask, vectors: Integers, numbers: npt.NDArray[np.intp]) -> Integers:
        """What devices `numbers` [d] send in place of their own vectors [d, size], but for the noise."""
        ...


def layout_of(ask: Ask, devices: Devices) -> BoundedTogether | NoisedPopulation | NoisedTraining:
    """Places of the vector that is asked for."""
    encoded = devices.encoded
    if ask.kind == "population":
        return NoisedPopulation(encoded.spec, len(encoded.first) - 1)
    if ask.kind == "cowatch":
        titles = len(encoded.first) - 1
        return BoundedTogether(titles, len(ask.scale) // titles)
    latents = devices.latents is not None
    layout = NoisedTraining.fitting(encoded.spec, len(encoded.artwork), latents, len(ask.scale))
    if layout is None:
        raise FederatedError(f"A scale of {len(ask.scale)} entries does not fit the model that is installed.")
    return layout


def noised_sum(devices: Devices, ask: Ask, cohort: npt.NDArray[np.bool_], random: Random) -> Integers:
    """The cohort's sum. Their noises are drawn as one: Skellam variables add up to one of all their variance."""
    size = layout_of(ask, devices).size
    total = skellam(size, ask.variance * int(cohort.sum()), random)
    for vectors in _integers(devices, ask, cohort, random):
        total += vectors.sum(axis=0)
    return total


def noised(devices: Devices, ask: Ask, cohort: npt.NDArray[np.bool_], random: Random) -> Integers:
    """[cohort, size]: each device's own, as it goes into a masked sum."""
    whole = np.concatenate(list(_integers(devices, ask, cohort, random)))
    return whole + skellam(whole.size, ask.variance, random).reshape(whole.shape)


def _integers(devices: Devices, ask: Ask, cohort: npt.NDArray[np.bool_], random: Random) -> Iterator[Integers]:
    """The cohort's vectors without noise, chunk by chunk."""
    world = devices.world
    for chunk, vectors in _vectors(devices, ask):
        drawn = cohort[chunk]
        integers = rounded(vectors[drawn], ask.units, random)
        yield world.tamper(ask, integers, devices.members[chunk][drawn]) if isinstance(world, Hostile) else integers


def _vectors(devices: Devices, ask: Ask) -> Iterator[tuple[slice, npt.NDArray[np.float64]]]:
    layout = layout_of(ask, devices)
    if isinstance(layout, BoundedTogether):
        asked = ask.scale.reshape(layout.titles, -1)
        for chunk, views in devices.histories():
            yield chunk, together_vectors(layout, views.astype(np.float64), asked, ask.clip)
        return
    for chunk, log, artworks in devices.logs():
        if isinstance(layout, NoisedTraining):
            yield chunk, training_vectors(layout, devices.weights, log, artworks, ask.scale, ask.clip, ask.most)
        else:
            titles = devices.encoded.title_of[artworks]
            yield chunk, population_vectors(layout, log, titles, devices.viewer.affinity[chunk], devices.known[chunk])
