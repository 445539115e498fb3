"""A node's integers: what it adds up in one go is what its devices say one by one, but for the draw of the noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from world_samples import HandWorld

import keyart
from keyart.features import EncodedCatalog, FeatureSpec
from keyart.head import HeadPrior
from keyart.outbound.clip import UNITS, integer_norm
from keyart.outbound.noised import NoisedTraining
from keyart_federated.devices import Devices
from keyart_federated.model import Model
from keyart_federated.private import vectors
from keyart_federated.private.wire import Ask
from keyart_federated.sums import run_in_process

STEPS, COUNT = 6, 24
VARIANCE = 40_000
KINDS = ["training", "population", "cowatch"]


@pytest.fixture(scope="module")
def devices() -> Devices:
    """After some impressions each."""
    world = HandWorld(devices=COUNT)
    spec = FeatureSpec.from_catalog(world.catalog)
    encoded = EncodedCatalog.build(world.catalog, spec)
    found = Devices(
        world,
        np.arange(COUNT),
        spec,
        STEPS,
        policy=keyart.Policy(),
        reward=keyart.Reward(),
        head=HeadPrior(),
        encoded=encoded,
    )
    found.install(Model.zero_shot(encoded))
    for k in range(STEPS):
        found.step(k)
    return found


def ask_of(devices: Devices, kind: str, variance: int = VARIANCE) -> Ask:
    ask = Ask(kind, 1, variance, 1.0, 0, clip=3.0, most=20.0)
    encoded = devices.encoded
    if kind == "training":
        ask = replace(ask, scale=np.full(NoisedTraining(encoded.spec, len(encoded.artwork)).scaled, 0.7))
    if kind == "cowatch":
        directions = np.random.default_rng(8).normal(size=(len(encoded.first) - 1, 3))
        ask = replace(ask, clip=1.0, scale=(directions / np.linalg.norm(directions, 2)).ravel())
    return ask


def seeded(seed: int):
    return np.random.default_rng(seed).bytes


def everybody() -> np.ndarray:
    return np.ones(COUNT, dtype=np.bool_)


def exact(devices: Devices, ask: Ask) -> np.ndarray:
    """[d, size] before rounding, in integer steps."""
    return np.concatenate([part for _, part in vectors._vectors(devices, ask)]) * UNITS


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_each_is_its_rounded_vector(devices, kind):
    ask = ask_of(devices, kind, 0)
    rows = vectors.noised(devices, ask, everybody(), seeded(1))
    assert rows.dtype == np.int64 and rows.shape == (COUNT, vectors.layout_of(ask, devices).size)
    assert np.abs(rows - exact(devices, ask)).max() < 1
    assert (np.sqrt((rows.astype(float) ** 2).sum(axis=1)) <= integer_norm(UNITS, rows.shape[1])).all()
    total = vectors.noised_sum(devices, ask, everybody(), seeded(2))
    assert np.abs(total - exact(devices, ask).sum(axis=0)).max() < 12  # rounding: of 24 devices, √(24/4) each


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("drawn", ["everybody", "every third"])
def test_both_ways_have_the_same_mean_and_the_same_noise(devices, kind, drawn):
    """The rest, divided by √(n variance), is of mean 0 and variance 1, by entry and over many draws."""
    cohort = everybody() if drawn == "everybody" else np.arange(COUNT) % 3 == 0
    ask = ask_of(devices, kind)
    expected = exact(devices, ask)[cohort].sum(axis=0)
    spread = np.sqrt(cohort.sum() * (VARIANCE + 0.25))
    for made in (
        [vectors.noised_sum(devices, ask, cohort, seeded(n)) for n in range(60)],
        [vectors.noised(devices, ask, cohort, seeded(n)).sum(axis=0) for n in range(60)],
    ):
        rest = (np.array(made) - expected) / spread
        assert abs(rest.mean()) < 5 / rest.size**0.5
        assert abs((rest**2).mean() - 1) < 5 * (2 / rest.size) ** 0.5
        assert np.abs(rest.mean(axis=0)).max() < 5.5 / 60**0.5


def test_each_device_has_noise_of_its_own(devices):
    ask = ask_of(devices, "training")
    rows = vectors.noised(devices, ask, everybody(), seeded(3))
    rest = (rows - exact(devices, ask)) / VARIANCE**0.5
    assert (np.abs((rest**2).mean(axis=1) - 1) < 6 * (2 / rest.shape[1]) ** 0.5).all()
    between = np.corrcoef(rest)[~np.eye(COUNT, dtype=bool)]
    assert np.abs(between).max() < 6 / rest.shape[1] ** 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_masked_sum_is_the_plain_sum_of_the_same_integers(devices, kind):
    rows = vectors.noised(devices, ask_of(devices, kind), everybody(), seeded(4))
    dropped = {3, 8}
    result = run_in_process(rows, 0.8, {"masked": dropped})
    left = [row for row in range(COUNT) if row not in dropped]
    assert result.survivors == tuple(left)
    np.testing.assert_array_equal(result.total, rows[left].sum(axis=0))


def test_the_same_randomness_gives_the_same_integers(devices):
    ask = ask_of(devices, "training")
    for make in (vectors.noised, vectors.noised_sum):
        one, two, other = (make(devices, ask, everybody(), seeded(n)) for n in (5, 5, 6))
        np.testing.assert_array_equal(one, two)
        assert (one != other).any()
