"""Vectors of honest devices keep every bound that the guard holds sums to, and each broken bound is noticed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from support.campaign_readers import DAY, START, Fleet, campaign, first_base, read
from support.catalogs import EVENING, sample_catalog

import keyart
from keyart.campaigns import (
    METRICS,
    CowatchLayout,
    EvaluationLayout,
    ExperimentRequest,
    MetricRequest,
    SegmentLayout,
    TrendingLayout,
    cowatch_vectors,
    experiment_vectors,
)
from keyart.campaigns.kinds.evaluation import evaluation_vector
from keyart.campaigns.kinds.segments import segment_vector
from keyart.campaigns.kinds.trending import trending_vector
from keyart.dp import UNITS, round_vectors
from keyart.errors import RoundFailed
from keyart.model import FeatureSpec
from keyart.profile.event_codec import Entry
from keyart_federated.campaigns import RoundRequest, ask, guard, honest_vectors, population, training
from keyart_federated.campaigns.honest_vectors import HonestVectors
from keyart_federated.simulation.device_vectors import vectors_of
from keyart_federated.worlds import SyntheticWorld

DEVICES = 300
SPEC = FeatureSpec.from_catalog(sample_catalog())
DECISION = keyart.Decision("00", "t0", "t0/a", 0.5, False, 1)
RATES, COMPARE = SegmentLayout.of("rates", SPEC), SegmentLayout.of("compare", SPEC)
EXPERIMENT = ExperimentRequest(
    "buttons",
    3,
    (MetricRequest("quality_plays", 0.7, 0.3, 0.4, 0.5, 0.3), MetricRequest("take_rate", 0.3, 0.5, 0.2)),
    "device",
    ("tv", "phone"),
)
EVALUATION, TRENDING, COWATCH = EvaluationLayout(), TrendingLayout(12), CowatchLayout(12, 3)
RNG = np.random.default_rng(5)


def segment_vectors(layout: SegmentLayout, signed: bool) -> np.ndarray:
    """Of devices with 0 to 12 decisions here and there, some of which all say the same."""
    rows = []
    for i in range(DEVICES):
        count = int(RNG.integers(0, 13))
        entries = [
            Entry(DECISION, EVENING.replace(hour=int(h)), str(d), 0)
            for d, h in zip(RNG.choice(SPEC.devices, count), RNG.choice([1, 8, 14, 20], count), strict=True)
        ]
        y = RNG.normal(0, 1, count) if signed else (RNG.random(count) < 0.3).astype(float)
        rows.append(segment_vector(layout, SPEC, entries, np.ones(count) * 9 if i % 3 == 0 and signed else y))
    return np.array(rows)


def experiment() -> np.ndarray:
    shape = (DEVICES, len(METRICS))
    now = np.where(RNG.random(shape) < 0.2, np.nan, RNG.normal(0.5, 1, shape))
    arms, groups = RNG.integers(0, 3, DEVICES), RNG.integers(0, 3, DEVICES)
    return experiment_vectors(EXPERIMENT, arms, groups, now, RNG.normal(0.5, 1, shape))


def evaluation() -> np.ndarray:
    made = [(RNG.uniform(0, 10, n), (RNG.random(n) < 0.5).astype(float)) for n in RNG.integers(0, 9, DEVICES)]
    return np.array([evaluation_vector(EVALUATION, w, r) for w, r in made])


def trending() -> np.ndarray:
    counts = RNG.integers(0, 9, DEVICES)
    return np.array([trending_vector(TRENDING, RNG.integers(0, 12, n), RNG.uniform(0, 86_400, n)) for n in counts])


def cowatch() -> np.ndarray:
    views = RNG.poisson(0.3, (DEVICES, 12)) * RNG.uniform(0.1, 2, (DEVICES, 12))
    directions = np.linalg.qr(RNG.normal(size=(12, 3)))[0]
    return cowatch_vectors(COWATCH, views, directions, 2.0)


HONEST: Mapping[str, tuple[HonestVectors, np.ndarray]] = {
    "rates": (honest_vectors.segments(RATES, signed=False), segment_vectors(RATES, False)),
    "compare": (honest_vectors.segments(COMPARE, signed=True), segment_vectors(COMPARE, True)),
    "experiment": (honest_vectors.experiment(EXPERIMENT), experiment()),
    "evaluation": (honest_vectors.evaluation(EVALUATION), evaluation()),
    "trending": (honest_vectors.trending(TRENDING), trending()),
    "cowatch": (honest_vectors.cowatch(COWATCH), cowatch()),
}


@pytest.mark.parametrize("kind", HONEST)
def test_each_device_keeps_every_bound(kind):
    """A sum of one device, or of many of the same, without noise: nothing hides a bound that is too narrow."""
    honest, vectors = HONEST[kind]
    assert vectors.any() and (vectors <= honest.high + 1e-12).all() and (vectors >= honest.low - 1e-12).all()
    for vector in (*vectors[:60], vectors.mean(axis=0)):
        for count in (1, 50):
            total = round_vectors(np.tile(vector, (count, 1)), UNITS, np.random.default_rng(1).bytes).sum(axis=0)
            assert guard.check(total, count, 0.0, honest) == 1.0


def test_devices_of_a_world_keep_the_bounds_of_population_and_training(tmp_path):
    world = SyntheticWorld(viewers=120, titles=12, artworks=3, impressions=10)
    base = first_base(tmp_path, world.catalog)
    fleet = Fleet(world, base, impressions=10)
    fleet.live(5)
    one = campaign("training", {"wanted": 120, "minimum_devices": 100, "gates": 0.0}, rounds=2, epsilon=50.0)
    asked = ask(one, None, 1, 0, base, START)
    assert isinstance(asked, RoundRequest)
    state = read(one, None, asked, fleet.total(asked), 120, base).state
    taught = ask(one, state, 2, 0, base, START + DAY)
    assert isinstance(taught, RoundRequest) and taught.offer.kind == "training"
    layouts = (
        honest_vectors.population(population.layout(base)),
        honest_vectors.training(training.layout(base, "none")),
    )
    for offer, honest in zip((asked.offer, taught.offer), layouts, strict=True):
        made = vectors_of(fleet.devices, offer, np.ones(120, dtype=bool))
        vectors = np.concatenate([chunk.whole() for _, chunk in made])
        for vector in vectors[:40]:
            total = round_vectors(vector[None], UNITS, np.random.default_rng(1).bytes)[0]
            guard.check(total, 1, 0.0, honest)


def spoilt(kind: str, change: Mapping[int, float]) -> np.ndarray:
    """The sum of honest devices with some entries set, as shares of what so many devices reach."""
    honest, vectors = HONEST[kind]
    total = round_vectors(vectors, UNITS, np.random.default_rng(2).bytes).sum(axis=0)
    for place, share in change.items():
        total[place] = round(share * DEVICES * UNITS * honest.high[place])
    return total


S = len(RATES.segments)


@pytest.mark.parametrize(
    ("kind", "change", "word"),
    [
        ("rates", {S: -0.1}, "entry"),
        ("rates", {0: 0.5, 1: 0.7}, "contradict"),  # more devices in a segment than there are
        ("rates", {0: 0.5, S: 0.7, 2 * S: 0.6}, "contradict"),  # more plays than devices
        ("rates", {S: 0.2, 2 * S: 0.4}, "contradict"),  # squares of shares are no larger than the shares
        ("compare", {S: -0.7, 2 * S: 0.3}, "contradict"),  # z without its squares
        ("compare", {S: 0.7, 2 * S: 0.3}, "contradict"),
        ("compare", {S: 1.3}, "entry"),
        ("evaluation", {2: 0.2, 3: 0.4}, "contradict"),  # more rewarded than weighed
        ("evaluation", {4: 0.9, 2: 0.5}, "contradict"),
        ("evaluation", {2: 0.6, 4: 0.2, 6: 0.1}, "contradict"),  # weights without their squares
        ("trending", {7: -0.1}, "entry"),
        ("cowatch", {1: 0.2, 24 + 1: 0.5}, "contradict"),
        ("experiment", {0: 0.1, 1: -0.3}, "contradict"),
        ("experiment", {0: 0.1, 3: 0.3}, "contradict"),
    ],
)  # fmt: skip
def test_each_broken_bound_is_noticed(kind, change, word):
    honest, _ = HONEST[kind]
    guard.check(spoilt(kind, {}), DEVICES, 100.0, honest)
    with pytest.raises(RoundFailed, match=word):
        guard.check(spoilt(kind, change), DEVICES, 100.0, honest)


def test_false_alarms_are_as_rare_as_said(monkeypatch):
    """At the edge of every bound, where noise is all that may cross it: all devices send the largest vector."""
    monkeypatch.setattr(guard, "FALSE_ALARM", 0.2)  # a test that rarely fails needs many draws
    honest = honest_vectors.segments(RATES, signed=False)
    entries = [Entry(DECISION, EVENING, "tv", 0)] * 3
    vector = segment_vector(RATES, SPEC, entries, np.ones(3))
    rng, variance, refused = np.random.default_rng(6), 4.0 * UNITS**2 / 50, 0
    for _ in range(300):
        noise = np.rint(rng.normal(0, np.sqrt(DEVICES * variance), honest.size)).astype(np.int64)
        try:
            guard.check(np.rint(vector * UNITS * DEVICES).astype(np.int64) + noise, DEVICES, variance, honest)
        except RoundFailed:
            refused += 1
    assert refused <= 0.2 * 300
