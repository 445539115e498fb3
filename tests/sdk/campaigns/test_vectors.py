"""Vectors by kind and topic: never longer than 1, in the shape that the offer asks for, and as they say."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support.campaigns import NOW, fleet, offer, population_layout, training_layout
from support.catalogs import EVENING, TV

import keyart
from keyart.campaigns import kinds, vectors
from keyart.campaigns.device_batch import DeviceBatch
from keyart.campaigns.kinds.cowatch import (
    COWATCH_PART_SCALES,
    COWATCH_PART_SHARES,
    MAX_COUNTED_VIEWS,
    CowatchLayout,
    cowatch_vectors,
)
from keyart.campaigns.kinds.engagement import METRICS
from keyart.campaigns.kinds.experiment import ExperimentRequest, MetricRequest, arm_of, experiment_vectors
from keyart.campaigns.kinds.training import SIDE_NORM
from keyart.campaigns.kinds.trending import TRENDING_BUCKET_SECONDS, TrendingLayout, trending_vector
from keyart.campaigns.offer import Offer
from keyart.campaigns.vectors import DeviceKind, VectorSource
from keyart.dp.clip import integer_norm
from keyart.model.features.rows import FeatureRows
from keyart.model.scorer import DecisionLog

TITLES, DIRECTIONS = 6, 3
BUTTONS = ExperimentRequest(
    "buttons", 3, (MetricRequest("quality_plays", 0.7, 0.5, 0.5), MetricRequest("take_rate", 0.3, 0.2, 0.8))
)


def source(art: keyart.Personalizer) -> VectorSource:
    chooser, custody = art._session.chooser, art._session.custody
    return VectorSource(custody.profile, chooser.installed, chooser.catalog, b"secret")


def directions(seed: int = 3) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(TITLES, DIRECTIONS)))[0].astype("<f4")


def asked_of(art: keyart.Personalizer, kind: str, topic: str, **changes: object) -> Offer:
    layout = {
        "population": population_layout(art),
        "trending": TrendingLayout(TITLES),
        "together": CowatchLayout(TITLES, DIRECTIONS),
        "buttons": BUTTONS.layout,
        "": training_layout(art),
    }[topic]
    scale = np.ones(getattr(layout, "scaled", layout.size), dtype="<f4")
    payloads = {"together": directions().tobytes(), "": scale.tobytes(), "buttons": BUTTONS.payload}
    payload = payloads.get(topic, b"")
    arms = 3 if kind == "experiment" else 0
    base = {"kind": kind, "topic": topic, "payload": payload, "arms": arms, "since": NOW * (topic == "trending")}
    return offer(art, layout, **{**base, **changes})


EVERY = [
    ("training", ""),
    ("statistics", "population"),
    ("statistics", "trending"),
    ("statistics", "together"),
    ("experiment", "buttons"),
]


@pytest.mark.parametrize(("kind", "topic"), EVERY)
def test_each_kind_fits_and_is_no_longer_than_one(three, kind, topic):
    for art in three:
        asked = asked_of(art, kind, topic)
        known = kinds.find_kind(asked)
        assert known.fits(asked, source(art))
        vector = known.vector(asked, source(art))
        assert vector.shape == (asked.size,) and 0 < np.sqrt((vector**2).sum()) <= 1 + 1e-12


@pytest.mark.parametrize(("kind", "topic"), EVERY)
def test_integers_are_the_rounded_vector_and_noise(three, kind, topic):
    quiet = asked_of(three[0], kind, topic, noise_multiplier=0.0)
    known = kinds.find_kind(quiet)
    exact = known.vector(quiet, source(three[0])) * quiet.units
    integers = vectors.protected_vector(known, quiet, source(three[0]))
    assert integers.dtype == np.int64 and (np.abs(integers - exact) < 1).all()
    assert np.sqrt((integers.astype(float) ** 2).sum()) <= integer_norm(quiet.units, quiet.size)
    loud = asked_of(three[0], kind, topic)
    noise = vectors.protected_vector(known, loud, source(three[0])) - exact
    assert 0.2 < noise.var() / loud.variance < 3


def test_a_kind_that_forgets_its_bound_is_clipped(three):
    asked = asked_of(three[0], "statistics", "trending", noise_multiplier=0.0)
    wild = DeviceKind("statistics", None, lambda *_: None, lambda *_: np.full(asked.size, 1e6))
    integers = vectors.protected_vector(wild, asked, source(three[0]))
    assert np.sqrt((integers.astype(float) ** 2).sum()) <= integer_norm(asked.units, asked.size)


@pytest.mark.parametrize(
    ("kind", "topic", "changes"),
    [
        ("training", "", {"size": 9}),
        ("training", "", {"payload": b""}),
        ("training", "", {"payload": "zero"}),
        ("training", "", {"payload": "negative"}),
        ("statistics", "population", {"size": 9}),
        ("statistics", "population", {"payload": bytes(4)}),
        ("statistics", "trending", {"size": 47}),
        ("statistics", "together", {"payload": b""}),
        ("statistics", "together", {"payload": bytes(4)}),
        ("statistics", "together", {"size": 9}),
        ("experiment", "buttons", {"arms": 1}),
        ("experiment", "buttons", {"arms": 4}),
        ("experiment", "buttons", {"arms": 0}),
    ],
)
def test_offers_that_do_not_fit_this_device(three, kind, topic, changes):
    layout = training_layout(three[0])
    scale = np.ones(layout.size - layout.sizes["side"], dtype="<f4")
    scale[7] = {"zero": 0.0, "negative": -1.0}.get(changes.get("payload"), 1.0)
    if isinstance(changes.get("payload"), str):
        changes = {"payload": scale.tobytes()}
    asked = asked_of(three[0], kind, topic, **changes)
    assert not kinds.find_kind(asked).fits(asked, source(three[0]))


def test_kinds_that_nobody_knows(three):
    for kind, topic in (
        ("evaluation", "gossip"),
        ("statistics", "gossip"),
        ("training", "trending"),
        ("statistics", ""),
    ):
        assert kinds.find_kind(offer(three[0], kind=kind, topic=topic)) is None


def test_training_tells_clip_and_counts_beside(three):
    asked = asked_of(three[0], "training", "", most_decisions=10)
    parts = training_layout(three[0]).parts(kinds.find_kind(asked).vector(asked, source(three[0])))
    factor, whole, decisions, plays, quality, *_ = parts["side"] / SIDE_NORM
    assert factor == 1 and whole == 1 and decisions == pytest.approx(0.1) and plays == quality == 0
    assert parts["gradient"].any() and np.count_nonzero(parts["artworks"]) == 1


def test_training_leaves_out_decisions_under_an_intent_and_those_without_an_outcome(three):
    art = three[0]
    asked = asked_of(art, "training", "", most_decisions=10)
    before = kinds.find_kind(asked).vector(asked, source(art))
    art.observe(
        art.choose("t0", keyart.Context("tv", EVENING, intent={"faces": 1.0})).id, keyart.Outcome.played(4000)
    )
    art.choose("t1", TV)
    np.testing.assert_array_equal(kinds.find_kind(asked).vector(asked, source(art)), before)


def test_a_device_without_a_history_sends_zeros():
    with fleet(1) as (art,):
        art.remove_title("t0")
        art.record(keyart.View("elsewhere", EVENING, 6000))  # in no catalogue of ours: no sign of a taste
        for kind, topic in (("training", ""), ("statistics", "together"), ("statistics", "trending")):
            asked = asked_of(art, kind, topic)
            vector = kinds.find_kind(asked).vector(asked, source(art))
            assert np.count_nonzero(vector) == (2 if kind == "training" else 0)  # that nothing was clipped


def joined(batches: list[DeviceBatch]) -> DeviceBatch:
    """One batch of all these devices, with logs padded to the longest."""
    longest = max(batch.artworks.shape[1] for batch in batches)

    def padded(values: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(
            [np.pad(v, [(0, 0), (0, longest - v.shape[1]), *[(0, 0)] * (v.ndim - 2)]) for v in values]
        )

    logs = [batch.log for batch in batches]
    rows = {
        name: padded([getattr(log.rows, name) for log in logs]) for name in vars(logs[0].rows) if name != "viewer"
    }
    rows["viewer"] = np.concatenate([log.rows.viewer for log in logs])
    log = {name: padded([getattr(log, name) for log in logs]) for name in ("offset", "played", "quality", "counted")}
    return DeviceBatch(
        batches[0].encoded,
        batches[0].weights,
        DecisionLog(FeatureRows(**rows), **log),
        padded([batch.artworks for batch in batches]),
        *(np.concatenate([getattr(b, name) for b in batches]) for name in ("affinity", "has_history", "views")),
    )


def test_a_device_is_a_batch_of_one(three):
    batch = joined([source(art).batch for art in three])
    for kind, topic in (("training", ""), ("statistics", "population"), ("statistics", "together")):
        asked = asked_of(three[0], kind, topic)
        known = kinds.find_kind(asked)
        alone = [known.vector(asked, source(art)) for art in three]
        np.testing.assert_allclose(known.vectors(asked, batch).whole(), alone, rtol=1e-6, atol=1e-7)


def test_cowatch_vectors_of_a_batch_have_the_bits_of_single_devices():
    views = np.random.default_rng(4).poisson(0.7, (50, TITLES)).astype(np.float32)
    layout, asked = CowatchLayout(TITLES, DIRECTIONS), directions().astype(float)
    alone = [cowatch_vectors(layout, one[None], asked, 1.0)[0] for one in views]
    np.testing.assert_array_equal(cowatch_vectors(layout, views, asked, 1.0), alone)


def test_trending_counts_plays_in_their_three_hours(three):
    art = three[0]  # one view of t0, this evening
    for hours in (-1, 4, 30):
        art.record(keyart.View("t2", EVENING + timedelta(hours=hours), 100))
    art.record(keyart.View("elsewhere", EVENING, 100))
    asked = asked_of(art, "statistics", "trending", since=NOW)
    plays = kinds.find_kind(asked).vector(asked, source(art)).reshape(TITLES, 8)
    np.testing.assert_allclose(plays[[0, 2], [0, 1]], 1 / np.sqrt(2))
    assert np.count_nonzero(plays) == 2


@pytest.mark.parametrize("clip", [1.0, 64.0])
def test_cowatch_is_the_plain_statistic_of_views_as_long_as_the_clip(clip):
    views, asked = np.array([3.0, 0, 1, 0, 0, 2]), directions().astype(float)
    layout = CowatchLayout(TITLES, DIRECTIONS)
    x = views / max(np.linalg.norm(views), clip)
    made = layout.parts(cowatch_vectors(layout, views[None], asked, clip)[0])
    plain = {
        "views": x,
        "weighted": x * x.sum(),
        "squares": x**2,
        "viewers": [1.0, views.sum() / MAX_COUNTED_VIEWS],
        "products": ((np.outer(x, x) - np.diag(x**2)) @ asked).ravel(),
    }
    for name, value in plain.items():
        np.testing.assert_allclose(
            made[name] * COWATCH_PART_SCALES[name] / np.sqrt(COWATCH_PART_SHARES[name]), value, atol=1e-12
        )
    assert sum(COWATCH_PART_SHARES.values()) == pytest.approx(1.0)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, TITLES, elements=st.floats(0, 1e6)),
    arrays(np.float64, (TITLES, DIRECTIONS), elements=st.floats(-1e30, 1e30)),
    arrays(np.float64, 9, elements=st.floats(-1e9, 1e9)),
    arrays(np.float64, (2, 1, len(METRICS)), elements=st.floats(-1e9, 1e9) | st.just(np.nan)),
)
def test_no_history_and_no_question_makes_a_vector_long(views, asked, ages, metrics):
    made = [
        cowatch_vectors(CowatchLayout(TITLES, DIRECTIONS), views[None], asked, 1.0)[0],
        trending_vector(TrendingLayout(TITLES), np.arange(9) % TITLES, ages),
        experiment_vectors(BUTTONS, np.array([1]), np.array([0]), *metrics)[0],
    ]
    for vector in made:
        assert np.isfinite(vector).all() and np.sqrt((vector**2).sum()) <= 1 + 1e-9


def test_experiments_tell_of_one_arm(three):
    art = three[0]
    art.observe(art.choose("t0", TV).id, keyart.Outcome.played(4000))
    asked = asked_of(art, "experiment", "buttons", most_decisions=4)
    told = BUTTONS.layout.parts(kinds.find_kind(asked).vector(asked, source(art)) / BUTTONS.weights)
    arms = told["arms"].reshape(3, 5)  # devices; z of two metrics; z²
    mine = arm_of(b"secret", "buttons", 3)
    np.testing.assert_allclose(arms[mine], [1.0, 0.0, 0.375, 0.0, 0.140625], atol=1e-6)  # half of both are plays
    assert np.count_nonzero(arms.any(axis=1)) == 1 and not told["past"].any()
    later = asked_of(art, "experiment", "buttons", since=NOW + 1)
    assert not kinds.find_kind(later).vector(later, source(art)).any()


def test_arms_are_even_and_apart_from_each_other():
    secrets = [bytes([n % 256, n // 256]) * 16 for n in range(3000)]
    first = np.array([arm_of(secret, "one", 3) for secret in secrets])
    second = np.array([arm_of(secret, "two", 3) for secret in secrets])
    counts = np.bincount(first * 3 + second, minlength=9)
    assert counts.min() > 3000 / 9 * 0.75 and counts.max() < 3000 / 9 * 1.25


def test_a_bucket_is_three_hours():
    plays = trending_vector(
        TrendingLayout(1), np.zeros(3, dtype=int), np.array([0.0, TRENDING_BUCKET_SECONDS - 1, -1.0])
    )
    assert np.flatnonzero(plays).tolist() == [0]
