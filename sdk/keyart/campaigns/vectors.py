"""Vectors: the numbers that a device sends for an offer.

A kind of campaign (`kinds`) computes a vector with a norm of at most 1. `answer` clips it once more, rounds it to
integers and adds the device's share of the noise, whatever the kind.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..dp.clip import clip_vectors, round_vectors
from ..dp.skellam import RandomBytes, skellam_noise
from ..model.eligibility import NO_AGE_LIMIT, AgeLimit
from ..types import Doubles
from .compact_vectors import CompactVectors
from .device_batch import DeviceBatch
from .offer import Offer
from .vector_layout import VectorLayout

if TYPE_CHECKING:
    from ..catalog import Catalog
    from ..model.features import EncodedCatalog
    from ..model.loaded_model import LoadedModel
    from ..model.policy import Policy
    from ..profile.profile import Profile


@dataclass(frozen=True)
class VectorSource:
    """Everything on a device that a vector may be computed from.

    Attributes:
        profile: The person's log and history.
        installed: The model that the device runs.
        catalog: The app's catalogue.
        secret: The device's private key, which draws the arms of experiments.
        policy: The policy that artworks are drawn with. None if it is unknown; then no candidate can be evaluated.
        labels: Values by kind that the host gives the device, for groups of experiments.
        limit: The age limits of the profile.
    """

    profile: Profile
    installed: LoadedModel
    catalog: Catalog
    secret: bytes
    policy: Policy | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    limit: AgeLimit = NO_AGE_LIMIT

    @cached_property
    def batch(self) -> DeviceBatch:
        """Return this device as a batch of one."""
        return DeviceBatch.of_profile(self.profile, self.installed)


@dataclass(frozen=True)
class DeviceKind:
    """The device's half of a kind of campaign: an entry of the registry in `kinds`.

    Attributes:
        kind: Kind of the offers that it answers.
        topics: Topics of those offers. None if every topic is accepted.
        layout: Returns the layout of an offer's vector, or None if the offer does not fit this device.
        vector: Returns the vector, [layout.size].
        vectors: Returns the vectors of a batch of devices. None if the kind has no such function.
    """

    kind: str
    topics: tuple[str, ...] | None
    layout: Callable[[Offer, VectorSource], VectorLayout | None]
    vector: Callable[[Offer, VectorSource], Doubles]
    vectors: Callable[[Offer, DeviceBatch], CompactVectors] | None = None

    def accepts(self, offer: Offer) -> bool:
        """Return whether the offer is of this kind and of one of its topics."""
        return self.kind == offer.kind and (self.topics is None or offer.topic in self.topics)

    def fits(self, offer: Offer, source: VectorSource) -> bool:
        """Return whether the offer's size and payload match this device's model and catalogue."""
        layout = self.layout(offer, source)
        return layout is not None and layout.size == offer.size


def batched_kind(
    kind: str,
    topics: tuple[str, ...],
    layout: Callable[[Offer, EncodedCatalog], VectorLayout | None],
    vectors: Callable[[Offer, DeviceBatch], Doubles],
) -> DeviceKind:
    """Return the entry of a kind that is a function of a `DeviceBatch`; a device is a batch of one."""
    return DeviceKind(
        kind,
        topics,
        lambda offer, source: layout(offer, source.installed.encoded),
        lambda offer, source: np.asarray(vectors(offer, source.batch)[0]),
        lambda offer, batch: CompactVectors.of(vectors(offer, batch)),
    )


def protected_vector(
    kind: DeviceKind, offer: Offer, source: VectorSource, random: RandomBytes = os.urandom
) -> npt.NDArray[np.int64]:
    """Return the device's vector in integers, clipped, rounded and noised, [offer.size].

    Only a masked round may see it.
    """
    numbers, _ = clip_vectors(kind.vector(offer, source), 1.0)  # once more: no kind's mistake gets past this
    return round_vectors(numbers, offer.units, random) + skellam_noise(offer.size, offer.variance, random)
