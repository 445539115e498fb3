"""Trending: noised plays by title and hours become weights that tilt what devices show within one round."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from support.campaigns import NOW, fleet, limits, offer, run
from support.catalogs import EVENING, Clock, sample_bundle, sample_catalog

import keyart
from keyart.campaigns.kinds.trending import TRENDING_BUCKET_SECONDS, TRENDING_BUCKETS, TrendingLayout, trending_vector
from keyart.dp.clip import UNITS, integer_norm, round_vectors
from keyart.dp.skellam import skellam_noise
from keyart.errors import FederatedError, RoundFailed, SettingError
from keyart_federated.accounting import noise_for
from keyart_federated.experiments.play_trend import Plays, Trend

TITLES = [f"t{t}" for t in range(6)]


def test_recent_hours_count_more():
    plays = np.zeros((2, TRENDING_BUCKETS))
    plays[0, 0] = plays[1, -1] = 8.0  # a day ago, and now
    trend = Plays(plays, 0.5).now(half_life_hours=3.0)
    np.testing.assert_allclose(trend.counts, [8 / 2**7, 8.0])
    assert trend.deviation == pytest.approx(0.5 * math.sqrt(sum(4.0**-n for n in range(8))))
    assert TRENDING_BUCKET_SECONDS == 3 * 3600


def test_weights_are_of_what_is_above_the_noise_of_all_titles():
    trend = Trend(np.array([100.0, 50.0, 3.0, -9.0, 0.0, 0.0]), 5.0)
    weights = trend.weights(TITLES)
    assert list(weights) == ["t0", "t1"] and weights["t0"] == 1.0 and 0.3 < weights["t1"] < 0.5
    assert Trend(np.zeros(6), 5.0).weights(TITLES) == {}


def test_what_is_always_popular_does_not_trend():
    usual = Trend(np.array([100.0, 20.0, 20.0, 20.0, 20.0, 20.0]), 1.0)
    now = Trend(np.array([100.0, 60.0, 20.0, 20.0, 20.0, 20.0]), 1.0)
    assert list(now.weights(TITLES, usual)) == ["t1"]


def test_noise_seldom_trends():
    rng = np.random.default_rng(3)
    assert sum(bool(Trend(rng.normal(0, 5, 300), 5.0).weights([str(t) for t in range(300)])) for _ in range(200)) < 60


def zipf_sum(devices: int, epsilon: float, seed: int = 0, titles: int = 200) -> tuple[np.ndarray, Plays]:
    """True decayed counts and the noised ones: two plays a device and day, of titles by their rank."""
    rng, layout = np.random.default_rng(seed), TrendingLayout(titles)
    share = 1 / np.arange(1, titles + 1)
    share /= share.sum()
    noise = noise_for(epsilon, 1e-6, 1, l2=integer_norm(UNITS, layout.size), dimension=layout.size)
    total = np.zeros(layout.size)
    integers = np.zeros(layout.size, dtype=np.int64)
    for _ in range(devices // 500):
        vectors = np.array(
            [
                trending_vector(layout, rng.choice(titles, n, p=share), rng.uniform(0, 86_400, n))
                for n in rng.poisson(2, 500)
            ]
        )
        total += vectors.sum(axis=0)
        integers += round_vectors(vectors, UNITS, rng.bytes).sum(axis=0)
    variance = (noise * integer_norm(UNITS, layout.size)) ** 2 / 0.8
    noised = integers + skellam_noise(layout.size, math.ceil(variance), rng.bytes)
    truth = Plays(total.reshape(titles, TRENDING_BUCKETS), 0.0).now().counts
    return truth, Plays.read(noised, titles, UNITS, devices, variance)


def test_relative_errors_are_what_is_said():
    """20,000 devices, ε = 1: as docs/how-to/experiments.md says."""
    truth, plays = zipf_sum(20_000, 1.0)
    trend = plays.now()
    off = (trend.counts - truth) / trend.deviation
    assert 0.8 < off.std() < 1.2 and abs(off.mean()) < 0.3
    assert trend.relative_errors[0] < 0.01 and trend.relative_errors[9] < 0.06


def test_a_title_that_takes_off_tilts_choices_within_one_round(tmp_path):
    """Real devices, a masked sum, and the weights that come of it, handed to a device that knew nothing."""
    catalog = sample_catalog()
    clock, bundle = Clock(), sample_bundle(tmp_path / "b", catalog)
    open_door = limits(epsilon=1e9, least_noise=0.0)
    with fleet(8, clock, bundle=bundle, limits=open_door, policy=keyart.Policy(stickiness=timedelta(0))) as arts:
        for art in arts[:7]:
            art.record(keyart.View("t3", EVENING + timedelta(hours=1), 5000))
        asked = offer(
            arts[0], TrendingLayout(6), kind="statistics", topic="trending", since=NOW, noise_multiplier=0.01,
            epsilon=1e8, minimum_devices=7,
        )  # fmt: skip
        result = run(arts, asked)
        trend = Plays.read(result.total, 6, asked.units, len(result.survivors), asked.variance * len(arts)).now()
        weights = trend.weights(TITLES)
        assert max(weights, key=weights.get) == "t3"
        context = keyart.Context("tv", EVENING)
        before = arts[7].preview("t3", context)
        after = arts[7].preview("t3", replace(context, trending=weights))
        assert before != after and arts[7].preview("t1", context) == arts[7].preview(
            "t1", replace(context, trending={"t3": 1.0})
        )


def test_sums_of_others_are_refused():
    with pytest.raises(RoundFailed):
        Plays.read(np.zeros(7, dtype=np.int64), 6, UNITS, 10, 1.0)
    with pytest.raises(SettingError):
        Plays(np.zeros((6, TRENDING_BUCKETS)), 1.0).now(half_life_hours=0)
    with pytest.raises(FederatedError):
        Trend(np.zeros(6), 1.0).weights(TITLES[:5])
