"""A fleet of simulated devices: it installs bundles, plays impressions, and answers offers with an integer sum.

Devices are batched, and everything that decides what they show or send is the SDK's: the bundle is read from its
files, offers are judged by signature, limits and ledger (`participation`), and vectors are made by the functions of
`keyart.campaigns.kinds`. Their noises are drawn as one, since Skellam variables add up to one of all their variance;
where a sum is masked, each device draws its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from keyart.bundle import load_model
from keyart.campaigns import CompactVectors, Offer
from keyart.dp import round_vectors, skellam_noise
from keyart.errors import RoundFailed, SettingError
from keyart.secagg import AggregationParameters

from ..rounds import run_round
from ..secagg import Coordinator, InProcessTransport
from ..types import Bools, Integers, Ints
from .device_vectors import HostileWorld, vectors_of
from .devices import Devices
from .identities import keys_of, sessions_of
from .participation import Participation
from .randomness import Stream, device_randomness, fleet_randomness

GATEWAYS = 4  # of a masked round in this process
Arrays = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Contribution:
    """A noised sum of a simulated fleet. total [offer.size]; devices: how many are in it."""

    total: Integers
    devices: int


@dataclass(frozen=True)
class _Rounded:
    """Vectors of d devices in integers, before their noise, and the devices' streams; see `CompactVectors`."""

    numbers: list[int]
    streams: list[Stream]
    values: Integers
    places: Ints
    size: int

    def whole(self) -> Integers:
        """Return whole vectors [d, size]; entries stay below 2⁵³, so that they are exact."""
        return CompactVectors(self.values.astype(np.float64), self.places, self.size).whole().astype(np.int64)

    def sum(self) -> Integers:
        """Return the sum of the devices; that of a chunk stays below 2⁵³, so that it is exact."""
        return np.bincount(self.places.ravel(), self.values.ravel(), self.size).astype(np.int64)


class SimulatedFleet(Protocol):
    """A fleet in this process, or in others (`worker_fleet`, `keyart_federated.flower.simulated_fleet`)."""

    def play(self, bundle: Path, first: int, steps: int) -> None:
        """Install a bundle on every device and play `steps` impressions from impression `first` on."""

    def contribute(self, message: bytes, at: float) -> Contribution:
        """Answer a signed offer with the sum of the devices that take part. at: Unix seconds. Raises RoundFailed."""

    def collect(self) -> list[Arrays]:
        """Return the journal of each part: its devices' numbers, what was shown, and what came of it."""


class LocalFleet:
    """A fleet whose devices are all in this process, in parts that are played one after the other.

    Args:
        parts: the devices, each in one part.
        participation: their ledgers, by the device's number in the world.
        seed: seed of the devices' randomness.
        cohort_share: share of the devices that is drawn for a round; 1: each.
        masked: whether sums go through the whole protocol of secure aggregation, in which each device adds its own
            noise.
        devices: number of devices in the world; None: those of the parts.
    """

    def __init__(
        self,
        parts: Sequence[Devices],
        participation: Participation,
        seed: int,
        cohort_share: float = 1.0,
        masked: bool = False,
        devices: int | None = None,
    ) -> None:
        self.parts, self._participation, self._seed = parts, participation, seed
        self._cohort_share, self._masked = cohort_share, masked
        self._catalog = parts[0].world.catalog
        self._devices = devices or sum(len(part.members) for part in parts)
        self._version, self._feature_spec = -1, ""  # of the bundle that is installed

    def play(self, bundle: Path, first: int, steps: int) -> None:
        """See `SimulatedFleet`."""

        loaded = load_model(bundle, self._catalog, "numpy")
        is_new = loaded.version != self._version  # a device installs a bundle once
        self._version, self._feature_spec = loaded.version, loaded.spec.sha256
        with threadpool_limits(limits=1):  # matrices are small
            for part in self.parts:
                if is_new:
                    part.install(loaded)
                for step in range(first, first + steps):
                    part.step(step)

    def contribute(self, message: bytes, at: float) -> Contribution:
        """See `SimulatedFleet`."""
        offer, drawn = self.judge(message, at)
        devices = int(drawn.sum())
        require_enough(offer, devices)
        if self._masked:
            return masked_sum(offer.terms(message), self.rows(offer, drawn), self._seed)
        return noised(offer, self.sum_of(offer, drawn), devices, self._seed)

    def sum_of(self, offer: Offer, drawn: Bools) -> Integers:
        """Return the sum of the devices [n] that answer, without the fleet's noise."""
        with threadpool_limits(limits=1):
            sums = [self._part_sum(part, offer, drawn[part.members]) for part in self.parts]
        return np.asarray(np.sum(sums, axis=0, dtype=np.int64))

    def judge(self, message: bytes, at: float) -> tuple[Offer, Bools]:
        """Return the offer and the devices [n] that answer it, and enter it in their ledgers. Raises RoundFailed."""
        offer = self._participation.read(message)
        willing, reason = self._participation.willing(message, self._version, self._feature_spec, at)
        drawn = willing & self._cohort(offer)
        if reason and not drawn.any():
            raise RoundFailed(f"Every device declines: {reason}.")
        self._participation.charge(message, drawn, at)
        return offer, drawn

    def rows(self, offer: Offer, drawn: Bools) -> dict[int, Integers]:
        """Return the integer vector of each device that answers, by its number, with the device's own noise."""
        vectors: dict[int, Integers] = {}
        for part in self.parts:
            for made in self._integers(part, offer, drawn[part.members]):
                for number, row, random in zip(made.numbers, made.whole(), made.streams, strict=True):
                    vectors[number] = row + skellam_noise(offer.size, offer.variance, random)
        return vectors

    def collect(self) -> list[Arrays]:
        """Return the journal of each part: its devices' numbers, what was shown, and what came of it."""
        return [{"members": part.members, **part.state(), **part.calibration.state()} for part in self.parts]

    def _part_sum(self, part: Devices, offer: Offer, drawn: Bools) -> Integers:
        total = np.zeros(offer.size, dtype=np.int64)
        for made in self._integers(part, offer, drawn):
            total += made.sum()
        return total

    def _integers(self, part: Devices, offer: Offer, drawn: Bools) -> Iterator[_Rounded]:
        """Yield the devices' vectors in integers, without noise, chunk by chunk."""
        for members, vectors in vectors_of(part, offer, drawn):
            if vectors.size != offer.size:
                raise SettingError("The offer asks for a vector of another shape than the devices' model makes.")
            numbers = members.tolist()
            streams = [device_randomness(self._seed, offer, number) for number in numbers]
            values = round_vectors(vectors.values, offer.units, streams, vectors.size)
            made = _Rounded(numbers, streams, values, vectors.places, offer.size)
            if isinstance(part.world, HostileWorld):
                rows = part.world.tamper(offer, made.whole(), members)
                made = replace(made, values=rows, places=np.broadcast_to(np.arange(offer.size), rows.shape))
            yield made

    def _cohort(self, offer: Offer) -> Bools:
        if self._cohort_share >= 1.0:
            return np.ones(self._devices, dtype=np.bool_)
        kind = 1 if offer.kind == "training" else 2
        rng = np.random.default_rng([self._seed, offer.round, kind])
        return rng.random(self._devices) < self._cohort_share


def noised(offer: Offer, total: Integers, devices: int, seed: int) -> Contribution:
    """Return the sum of so many devices with the noise of all of them, which is drawn as one."""
    noise = skellam_noise(offer.size, offer.variance * devices, fleet_randomness(seed, offer))
    return Contribution(np.asarray(total + noise), devices)


def masked_sum(terms: AggregationParameters, rows: Mapping[int, Integers], seed: int) -> Contribution:
    """Return the sum by the real protocol: sessions, gateways and coordinator, without a network.

    Args:
        terms: of the round.
        rows: the integers of each device that answers, with its own noise, by its number.
        seed: seed of the devices' keys.
    """
    numbers = sorted(rows)
    members = {f"gateway-{i}": numbers[i::GATEWAYS] for i in range(min(GATEWAYS, len(numbers)))}
    vector_of = {number: partial(rows.__getitem__, number) for number in numbers}
    transport = InProcessTransport(terms, members, sessions_of(terms, seed, numbers), vector_of)
    _, issuer = keys_of(seed)
    result = run_round(Coordinator(terms, [issuer.public], 0), transport)
    return Contribution(result.total, len(result.survivors))


def require_enough(offer: Offer, devices: int, reason: str = "") -> None:
    """Raise RoundFailed unless as many devices answer as the noise counts on. reason: why devices decline."""
    if devices < offer.minimum_devices:
        declined = f" {reason}" if reason else ""
        raise RoundFailed(
            f"{devices} devices answered where the noise counts on {offer.minimum_devices}.{declined} Nothing was "
            "learnt, and the last good model stays."
        )
