"""Campaigns without a server around them: a fleet of simulated devices as one sum, and the base that it runs on."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import keyart
from keyart.campaigns.offer import Offer
from keyart.dp.clip import round_vectors
from keyart.dp.skellam import skellam_noise
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart_federated import campaigns
from keyart_federated.accounting import ORDERS, Mechanism, to_epsilon
from keyart_federated.campaigns import DeployedModel, PrivateSum, RoundRequest, RoundResult, checked, own_offer
from keyart_federated.campaigns.bundle_model import installed, model_of
from keyart_federated.campaigns.campaign import Campaign, Kind
from keyart_federated.campaigns.result_words import RESULT_WORDS
from keyart_federated.export import write_bundle
from keyart_federated.learning.model import GlobalModel
from keyart_federated.simulation.device_vectors import vectors_of
from keyart_federated.simulation.devices import Devices
from keyart_federated.worlds import SyntheticWorld

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = b"s" * 32
WORLD = {"viewers": 300, "titles": 20, "artworks": 4}


def campaign(kind: Kind, settings: Mapping[str, Any] | None = None, **changes: Any) -> Campaign:
    base = Campaign("c" * 16, "Spring", kind, "running", 4.0, 1e-6, 3, START, START, checked(kind, settings or {}))
    return replace(base, **changes)


def first_base(folder: Path, catalog: keyart.Catalog, version: int = 1) -> DeployedModel:
    """The zero-shot bundle of a catalogue."""
    spec = FeatureSpec.from_catalog(catalog)
    model = replace(GlobalModel.zero_shot(EncodedCatalog.build(catalog, spec)), version=version)
    bundle = write_bundle(folder / str(version), model, catalog, data="Made up.", training={"round": 0, "devices": 0})
    return DeployedModel(catalog, bundle, version, spec)


def released(base: DeployedModel, files: Mapping[str, bytes], folder: Path) -> DeployedModel:
    """The fleet runs on these files now."""
    place = folder / str(base.next_version)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name, data in files.items():
        (place / name).write_bytes(data)
    return replace(base, bundle=place, version=base.next_version, refused=frozenset())


def epsilon(events: Iterable[Mechanism], delta: float = 1e-6) -> float:
    """Of all of them, as the server's budget reckons."""
    total = np.zeros(len(ORDERS))
    for event in events:
        total += event.divergences()
    return to_epsilon(total, delta)


def summed(offer: Offer, vectors: npt.NDArray[np.float64], seed: int = 0) -> npt.NDArray[np.int64]:
    """What a masked sum of these vectors [d, size] comes to."""
    random = np.random.default_rng([seed, 7]).bytes
    noise = skellam_noise(offer.size, offer.variance * len(vectors), random)
    return np.asarray(round_vectors(vectors, offer.units, random).sum(axis=0) + noise)


@dataclass
class Fleet:
    """All devices of a small world, without heads of their own, so that only the model tells how well they choose."""

    world: SyntheticWorld
    base: DeployedModel
    impressions: int = 200
    seed: int = 3
    devices: Devices = field(init=False)

    def __post_init__(self) -> None:
        policy, reward = keyart.Policy(stickiness=timedelta(0)), keyart.Reward()
        everybody = np.arange(self.world.devices)
        self.devices = Devices(
            self.world, everybody, self.base.spec, self.impressions, seed=self.seed, policy=policy, reward=reward,
            head=None,
        )  # fmt: skip

    def live(self, steps: int) -> float:
        """So many impressions on each; their capture: 0 as by chance, 1 as if all were known."""
        self.devices.install(model_of(installed(self.base.bundle, self.base.catalog)))
        first, got = self.devices.encoded.first, np.zeros(3)
        for k in range(self.devices.journal.steps, self.devices.journal.steps + steps):
            for i, picture in enumerate(self.devices.step(k).tolist()):
                expected = self.world.expected_reward(i, k)
                place = picture - first[self.devices.encoded.title_of[picture]]
                got += expected[place], expected.mean(), expected.max()
        return float((got[0] - got[1]) / (got[2] - got[1]))

    def total(self, asked: RoundRequest) -> npt.NDArray[np.int64]:
        """The sum of a round that all devices answer."""
        everybody = np.ones(self.world.devices, dtype=np.bool_)
        vectors = [chunk.whole() for _, chunk in vectors_of(self.devices, asked.offer, everybody)]
        return summed(asked.offer, np.concatenate(vectors), self.seed)


def read(
    campaign: Campaign,
    state: bytes | None,
    asked: RoundRequest,
    total: npt.NDArray[np.int64],
    survivors: int,
    base: DeployedModel,
) -> RoundResult:
    """As the engine has it read. Each number that people are shown has a label."""
    summed = PrivateSum(own_offer(asked.offer.sign(KEY)), total, survivors, asked.pending)
    found = campaigns.read(campaign, state, summed, base)
    values = {name for name, value in found.result.items() if isinstance(value, int | float | str)}
    assert values <= {*RESULT_WORDS, "used", "rate", "low", "high", "looks", "day", "decided"}, "`result_words`"
    return found
