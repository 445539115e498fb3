"""Hostile sums are refused, those of honest devices are not, and a step stays within what the clip allows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.worlds import HandWorld

import keyart
from keyart.campaigns.kinds.population import PopulationLayout
from keyart.campaigns.kinds.training import SIDE_ENTRIES, SIDE_NORM, TrainingLayout, training_main_norm
from keyart.dp.clip import UNITS, integer_norm, round_vectors
from keyart.dp.skellam import skellam_noise
from keyart.errors import RoundFailed
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart_federated.campaigns import guard, honest_vectors
from keyart_federated.learning import learner_state
from keyart_federated.learning.learner import Learner
from keyart_federated.learning.model import GlobalModel
from keyart_federated.learning.viewer_population import Population

DEVICES = 500
WORLD = HandWorld(devices=4)
SPEC = FeatureSpec.from_catalog(WORLD.catalog)
ENCODED = EncodedCatalog.build(WORLD.catalog, SPEC)
LAYOUT = TrainingLayout(SPEC, len(ENCODED.artwork))
POPULATION = PopulationLayout(SPEC, len(ENCODED.first) - 1)
TRAINING, OF_POPULATION = honest_vectors.training(LAYOUT), honest_vectors.population(POPULATION)
CURVATURE = LAYOUT.places["curvature"]
CLIP = integer_norm(UNITS, LAYOUT.size)
VARIANCE = math.ceil((2.4 * CLIP) ** 2 / DEVICES)
NOISE = DEVICES * VARIANCE


def vectors(rng: np.random.Generator, mean: float = 0.15, count: int = DEVICES) -> np.ndarray:
    """[count, size] at the clip, whose mean has about that length."""
    main = LAYOUT.size - SIDE_ENTRIES
    ahead = np.zeros(main)
    ahead[:5] = 1 / np.sqrt(5)
    spread = rng.normal(size=(count, main)) / np.sqrt(main)
    spread[:, CURVATURE] = np.abs(spread[:, CURVATURE])
    whole = mean * ahead + math.sqrt(1 - mean**2) * spread
    whole *= training_main_norm() / np.sqrt((whole**2).sum(axis=1, keepdims=True))
    side = SIDE_NORM * np.tile([0.6, 0.1, 0.3, 0.15, 0.1, 0.3, 0.15], (count, 1))
    return round_vectors(np.concatenate([whole, side], axis=1), UNITS, rng.bytes)


def honest(rng: np.random.Generator, mean: float = 0.15, variance: int = VARIANCE) -> np.ndarray:
    return vectors(rng, mean).sum(axis=0) + skellam_noise(LAYOUT.size, variance * DEVICES, rng.bytes)


def looked(total: np.ndarray, signal: float | None = None) -> float:
    return guard.check(total, DEVICES, VARIANCE, TRAINING, signal)


@pytest.mark.parametrize("variance", [1, 40, VARIANCE])
def test_honest_sums_pass_and_bound_the_signal(variance):
    rng = np.random.default_rng(1)
    for _ in range(20):
        total = honest(rng, variance=variance)
        signal = guard.check(total, DEVICES, variance, TRAINING)
        assert 0.14 < signal < 0.5
        assert guard.check(honest(rng, 0.1, variance), DEVICES, variance, TRAINING, signal) <= signal


def test_signal_never_grows():
    rng = np.random.default_rng(2)
    assert looked(honest(rng, 0.3), signal=0.25) == 0.25


def test_bound_is_above_the_truth_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(guard, "FALSE_ALARM", 0.2)  # a test that rarely fails needs many draws
    rng = np.random.default_rng(3)
    sent, below, refused = vectors(rng), 0, 0
    main = sent[:, : CURVATURE.start].sum(axis=0)
    truth = math.sqrt(float(main @ main)) / (DEVICES * CLIP)
    for _ in range(150):
        total = sent.sum(axis=0) + skellam_noise(LAYOUT.size, NOISE, rng.bytes)
        try:
            below += looked(total, truth / guard.GROWTH) < min(truth, truth / guard.GROWTH)
        except RoundFailed:
            refused += 1
    assert refused <= 0.2 * 150 and below <= 0.05 * 150 + 9


def test_longer_than_the_rounds_so_far_let_expect():
    rng = np.random.default_rng(4)
    before = looked(honest(rng, 0.1))
    with pytest.raises(RoundFailed, match=r"longer than 0\.\d+ of the clip.*last good result stays"):
        looked(honest(rng, 0.6), before)
    with pytest.raises(RoundFailed, match=r"0\.50 of the clip"):
        looked(honest(rng, 0.8), 0.2)
    assert looked(honest(rng, 0.8)) > 0.8 * training_main_norm()  # at first all devices may err the same way


def spoilt(total: np.ndarray, place: int, value: float) -> np.ndarray:
    """With one side entry of another mean."""
    out = total.copy()
    out[LAYOUT.size - SIDE_ENTRIES + place] = int(value * SIDE_NORM * UNITS * DEVICES)
    return out


@pytest.mark.parametrize(
    ("place", "value", "word"),
    [
        (0, -0.6, "entry"),
        (2, 1.6, "entry"),
        (-1, -0.6, "entry"),  # the last curvature
        (1, 0.99, "contradict"),
        (4, 0.9, "contradict"),
    ],
)
def test_side_entries(place, value, word):
    total = honest(np.random.default_rng(5), variance=400)
    guard.check(total, DEVICES, 400, TRAINING)
    with pytest.raises(RoundFailed, match=word):
        guard.check(spoilt(total, place, value), DEVICES, 400, TRAINING)


@pytest.mark.parametrize(
    "total",
    [
        honest(np.random.default_rng(6))[:-1],
        honest(np.random.default_rng(6))[None],
        honest(np.random.default_rng(6)).astype(np.float64),
        np.full(LAYOUT.size, np.nan),
        np.full(LAYOUT.size, np.inf),
        np.zeros(LAYOUT.size, dtype=object),
        np.zeros(LAYOUT.size, dtype=np.uint64),
        [0] * LAYOUT.size,
    ],
    ids=["short", "square", "floats", "NaN", "infinite", "objects", "unsigned", "list"],
)
def test_what_is_no_sum(total):
    with pytest.raises(RoundFailed, match="integers of 64 bits"):
        looked(total)


@pytest.mark.parametrize(("devices", "variance"), [(0, 5.0), (-3, 5.0), (5, math.nan), (5, -1.0)])
def test_nothing_to_compare_with(devices, variance):
    with pytest.raises(RoundFailed, match="comes with"):
        guard.check(honest(np.random.default_rng(6)), devices, variance, TRAINING)


def test_sums_of_the_population():
    rng = np.random.default_rng(7)
    total = skellam_noise(POPULATION.size, NOISE, rng.bytes)
    assert guard.check(total, DEVICES, VARIANCE, OF_POPULATION) == 1.0
    for sign in (1, -1):
        high = total.copy()
        high[3] += sign * 2 * DEVICES * UNITS
        with pytest.raises(RoundFailed, match="entry"):
            guard.check(high, DEVICES, VARIANCE, OF_POPULATION)
    # Each entry within reach, and all of them together not.
    total = (DEVICES * UNITS * OF_POPULATION.high).astype(np.int64)
    with pytest.raises(RoundFailed, match="longer than devices"):
        guard.check(total, DEVICES, VARIANCE, OF_POPULATION)


EXTREMES = np.array([-(2**63), -(2**62), -(2**31), -1, 0, 1, 2**31, 2**62, 2**63 - 1])


def hostile_totals(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Huge ones, extremes, random ones of all sizes, honest ones with something in them, and what is no sum."""
    plain, size = honest(rng), LAYOUT.size
    drawn = []
    for i in range(count):
        kind = i % 10
        if kind == 0:
            drawn.append(rng.choice(EXTREMES, size))
        elif kind == 1:
            drawn.append(np.full(size, EXTREMES[i // 10 % len(EXTREMES)]))
        elif kind == 2:
            drawn.append(rng.integers(-(2**63), 2**63 - 1, size))
        elif kind == 3:
            drawn.append(np.rint(rng.normal(size=size) * 2.0 ** rng.uniform(0, 60)).astype(np.int64))
        elif kind == 4:
            one = plain.copy()
            one[rng.integers(size)] = rng.choice(EXTREMES)
            drawn.append(one)
        elif kind == 5:
            push = rng.normal(size=size)
            push *= DEVICES * CLIP * 2.0 ** rng.uniform(-4, 12) / np.sqrt((push**2).sum())
            drawn.append(plain + np.rint(push).astype(np.int64))
        elif kind == 6:
            drawn.append(plain * rng.integers(-2000, 2000))
        elif kind == 7:
            drawn.append(np.where(rng.random(size) < 0.1, np.nan, plain))
        elif kind == 8:
            drawn.append(plain[: rng.integers(size)])
        else:
            drawn.append(plain.astype(rng.choice(["f4", "f8", "i4", "u8", "i2"])))
    return drawn


def test_ten_thousand_hostile_totals_none_beyond_the_clip():
    """Accepted is only what devices at the clip, and noise, can reach; the step after it is finite and bounded."""
    rng = np.random.default_rng(8)
    accepted = []
    for total in hostile_totals(rng, 10_000):
        try:
            looked(total)
        except RoundFailed:
            continue
        accepted.append(total)
    assert 200 < len(accepted) < 3000  # some push little, and pass: what is tested below is not nothing
    reach = DEVICES * CLIP + math.sqrt(NOISE * guard.max_square(LAYOUT.size, 0.0, guard.rarity(TRAINING)))
    lengths = [math.sqrt(float((total.astype(np.float64) ** 2).sum())) for total in accepted]
    assert max(lengths) <= reach
    learner, asked = trained()

    def step(total: np.ndarray) -> float:
        after = learner.answered(asked, total, NOISE, ENCODED).state.model
        assert np.isfinite(after.to_array()).all()
        return float(np.abs(after.theta - learner.state.model.theta).max())

    def all_at_the_clip(place: int) -> np.ndarray:
        total = np.zeros(LAYOUT.size, dtype=np.int64)
        total[place] = DEVICES * UNITS
        return total

    looked(all_at_the_clip(0) // 2)
    gradient = LAYOUT.places["gradient"]
    furthest = max(step(all_at_the_clip(place)) for place in range(gradient.start, gradient.stop, 5))
    loud = honest(rng)
    loud[:-SIDE_ENTRIES] *= 2000
    assert step(loud) > furthest  # such are refused above: what they would have done
    assert max(step(total) for total in accepted[:: len(accepted) // 60]) <= furthest


def trained() -> tuple[Learner, object]:
    """A learner that has asked for its first round."""
    state = learner_state.init(GlobalModel.zero_shot(ENCODED), ENCODED)
    total = np.rint(np.full(POPULATION.size, 0.1 * UNITS * DEVICES)).astype(np.int64)
    learner = Learner.start(state, Population.read(POPULATION, total, UNITS, DEVICES, NOISE), float(DEVICES), ENCODED)
    policy = keyart.Policy()
    return learner.ask(10.0, 0.5, ENCODED, policy, np.random.default_rng(0))
