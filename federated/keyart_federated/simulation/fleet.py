"""A fleet of simulated devices: it installs bundles, plays impressions, and answers offers with an integer sum.

Devices are batched, and everything that decides what they show or send is the SDK's: the bundle is read from its
files, offers are judged by signature, limits and ledger (`participation`), and vectors are made by the functions of
`keyart.campaigns.kinds`. Their noises are drawn as one, since Skellam variables add up to one of all their variance;
where a sum is masked, or a test hands in the devices' randomness, each device draws its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from keyart.bundle.loading import load_model
from keyart.campaigns.offer import Offer
from keyart.dp.clip import rounded
from keyart.dp.skellam import skellam
from keyart.errors import RoundFailed, SettingError

from .devices import Devices, Journal
from .participation import Bools, Participation
from .randomness import device_randomness, fleet_randomness
from .vectors import HostileWorld, Integers, vectors_of

T = TypeVar("T")


@dataclass(frozen=True)
class Contribution:
    """A noised sum of a simulated fleet. total [offer.size]; devices: how many are in it."""

    total: Integers
    devices: int


class SimulatedFleet(Protocol):
    """A fleet in this process, or in others (`keyart_federated.flower.simulated_fleet`)."""

    def play(self, bundle: Path, first: int, steps: int) -> None:
        """Install a bundle on every device and play `steps` impressions from impression `first` on."""

    def contribute(self, message: bytes, at: float) -> Contribution:
        """Answer a signed offer with the sum of the devices that take part. at: Unix seconds. Raises RoundFailed."""

    def journals(self) -> Sequence[tuple[npt.NDArray[np.intp], Journal]]:
        """Return what was shown and what came of it: members and journal of each part."""


class LocalFleet:
    """All devices in this process, in parts that work side by side.

    Args:
        parts: the devices, each in one part.
        participation: their ledgers, by the device's number in the world.
        seed: seed of the devices' randomness.
        cohort_share: share of the devices that is drawn for a round; 1: each.
        own_noise: whether each device draws its own noise.
    """

    def __init__(
        self,
        parts: Sequence[Devices],
        participation: Participation,
        seed: int,
        cohort_share: float = 1.0,
        own_noise: bool = False,
    ) -> None:
        self.parts, self._participation, self._seed = parts, participation, seed
        self._cohort_share, self.own_noise = cohort_share, own_noise
        self._catalog = parts[0].world.catalog
        self._devices = sum(len(part.members) for part in parts)
        self._version, self._feature_spec = -1, ""  # of the bundle that is installed

    def play(self, bundle: Path, first: int, steps: int) -> None:
        """See `SimulatedFleet`."""

        loaded = load_model(bundle, self._catalog, "numpy")
        is_new = loaded.version != self._version  # a device installs a bundle once
        self._version, self._feature_spec = loaded.version, loaded.spec.sha256

        def part_plays(part: Devices) -> None:
            if is_new:
                part.install(loaded)
            for step in range(first, first + steps):
                part.step(step)

        self._each(part_plays)

    def contribute(self, message: bytes, at: float) -> Contribution:
        """See `SimulatedFleet`."""
        offer, drawn = self.judge(message, at)
        sums = self._each(lambda part: self._part_sum(part, offer, drawn[part.members]))
        total = np.asarray(np.sum(sums, axis=0, dtype=np.int64))
        devices = int(drawn.sum())
        if not self.own_noise:
            total = total + skellam(offer.size, offer.variance * devices, fleet_randomness(self._seed, offer))
        return Contribution(total, devices)

    def judge(self, message: bytes, at: float) -> tuple[Offer, Bools]:
        """Return the offer and the devices [n] that answer it, and enter it in their ledgers. Raises RoundFailed."""
        offer = self._participation.read(message)
        willing, reason = self._participation.willing(offer, self._version, self._feature_spec, at)
        if reason and not willing.any():
            raise RoundFailed(f"Every device declines: {reason}.")
        drawn = willing & self._cohort(offer)
        self._participation.charge(offer, drawn, at)
        return offer, drawn

    def rows(self, offer: Offer, drawn: Bools) -> dict[int, Integers]:
        """Return the integer vector of each device that answers, by its number, with the device's own noise."""
        vectors: dict[int, Integers] = {}
        for part in self.parts:
            for number, row in self._integers(part, offer, drawn[part.members], own_noise=True):
                vectors[number] = row
        return vectors

    def journals(self) -> Sequence[tuple[npt.NDArray[np.intp], Journal]]:
        """See `SimulatedFleet`."""
        return [(part.members, part.journal) for part in self.parts]

    def _part_sum(self, part: Devices, offer: Offer, drawn: Bools) -> Integers:
        total = np.zeros(offer.size, dtype=np.int64)
        for _, row in self._integers(part, offer, drawn, self.own_noise):
            total += row
        return total

    def _integers(self, part: Devices, offer: Offer, drawn: Bools, own_noise: bool) -> Iterator[tuple[int, Integers]]:
        for members, vectors in vectors_of(part, offer, drawn):
            if vectors.shape[1] != offer.size:
                raise SettingError("The offer asks for a vector of another shape than the devices' model makes.")
            streams = [device_randomness(self._seed, offer, number) for number in members.tolist()]
            rows = np.stack([rounded(v, offer.units, random) for v, random in zip(vectors, streams, strict=True)])
            if isinstance(part.world, HostileWorld):
                rows = part.world.tamper(offer, rows, members)
            for number, row, random in zip(members.tolist(), rows, streams, strict=True):
                yield number, row + skellam(offer.size, offer.variance, random) if own_noise else row

    def _cohort(self, offer: Offer) -> Bools:
        if self._cohort_share >= 1.0:
            return np.ones(self._devices, dtype=np.bool_)
        kind = 1 if offer.kind == "training" else 2
        rng = np.random.default_rng([self._seed, offer.round, kind])
        return rng.random(self._devices) < self._cohort_share

    def _each(self, do: Callable[[Devices], T]) -> list[T]:
        """Run the parts side by side, each with one thread of BLAS: their matrices are small."""
        with threadpool_limits(limits=1), ThreadPoolExecutor(os.cpu_count()) as threads:
            return list(threads.map(do, self.parts))
