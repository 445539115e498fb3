"""Another aggregation in the place of SecAgg+: the driver, the campaign and its guard know nothing of masks.

Two servers add up additive shares, as Prio3 does (without its proofs, so it is no backend). A device sends one share
to each; neither alone says anything, and the two sums together are the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from support.campaign_readers import START, campaign, read, summed
from support.catalogs import sample_bundle, sample_catalog

from keyart.campaigns import Offer
from keyart.dp import round_vectors, skellam_noise
from keyart.errors import RoundFailed
from keyart.model import FeatureSpec
from keyart_federated.campaigns import DeployedModel, RoundRequest, ask
from keyart_federated.rounds import run_round

DEVICES, AGGREGATORS = 60, ("helper", "leader")


class Phase(Enum):
    """The stages of this aggregation."""

    UPLOAD = "upload"
    AGGREGATE = "aggregate"


@dataclass
class TwoServers:
    """Implements `Coordinating`: it hears how many reports an aggregator has, and then the sum of its shares."""

    size: int
    minimum: int
    counted: dict[int, int] = field(default_factory=dict)
    sums: dict[int, np.ndarray] = field(default_factory=dict)
    stages = tuple(Phase)
    invitation = b"one share to each aggregator"

    @property
    def result(self) -> tuple[np.ndarray, int]:
        total = sum(self.sums.values(), np.zeros(self.size, dtype=np.uint64))
        return total.astype(np.int64), min(self.counted.values())

    def due(self, gateway: int) -> int:
        return self.counted.get(gateway, 0)

    def ask(self, gateway: int) -> bytes:
        return b"add up"

    def receive(self, gateway: int, message: bytes) -> None:
        if gateway in self.counted:
            self.sums[gateway] = np.frombuffer(message, "<u8")
        else:
            self.counted[gateway] = int.from_bytes(message, "little")

    def close(self) -> None:
        if len(self.counted) < len(AGGREGATORS) or min(self.counted.values()) < self.minimum:
            raise RoundFailed("Too few reports.")


@dataclass
class Shares:
    """Implements `Transport`: aggregators in this process, with the shares that devices have sent them."""

    shares: Mapping[str, np.ndarray]  # [devices, size] each

    def exchange(self, stage: Phase, invitation: bytes, requests: Mapping[str, bytes]) -> Mapping[str, bytes]:
        if stage is Phase.UPLOAD:
            assert invitation and not requests
            return {name: len(rows).to_bytes(4, "little") for name, rows in self.shares.items()}
        return {name: self.shares[name].sum(axis=0, dtype=np.uint64).astype("<u8").tobytes() for name in requests}

    def advance(self, stage: Phase, requests: Mapping[str, bytes], replies: Mapping[str, bytes]) -> None:
        pass


def shared(offer: Offer, vectors: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Each device rounds, adds its own noise, and splits the vector in two."""
    rows = round_vectors(vectors, offer.units, rng.bytes)
    rows = rows + np.array([skellam_noise(offer.size, offer.variance, rng.bytes) for _ in rows])
    first = rng.integers(0, 2**64, rows.shape, dtype=np.uint64)
    return {"leader": first, "helper": rows.astype(np.uint64) - first}


def test_a_campaign_reads_what_two_servers_have_added_up(tmp_path):
    catalog = sample_catalog()
    bundle = sample_bundle(tmp_path / "1", catalog, version=1)
    base = DeployedModel(catalog, bundle, 1, FeatureSpec.from_catalog(catalog))
    settings = {"topic": "trending", "wanted": DEVICES, "minimum_devices": 50}
    one = campaign("statistics", settings, rounds=1, epsilon=8.0)
    asked = ask(one, None, 1, 0, base, START)
    assert isinstance(asked, RoundRequest)
    vectors = np.zeros((DEVICES, asked.offer.size))
    vectors[:, 7] = 1.0
    shares = shared(asked.offer, vectors, np.random.default_rng(1))
    coordinator = TwoServers(asked.offer.size, asked.offer.minimum_devices)
    total, devices = run_round(coordinator, Shares(shares))
    assert (total == sum(rows.sum(axis=0, dtype=np.uint64) for rows in shares.values()).astype(np.int64)).all()
    found = read(one, None, asked, total, devices, base)
    assert found.result["used"] and found.result["devices"] == DEVICES
    like = read(one, None, asked, summed(asked.offer, vectors), DEVICES, base)
    assert found.result.keys() == like.result.keys()
