"""Scorecard: values, capture and intervals, against sums done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.worlds import HandWorld

from keyart_federated.metrics import WorldTruth, capture, figures, mean, ratio, rewards, values


def test_truth_of_a_small_world():
    world = HandWorld(devices=5)
    truth = WorldTruth.measure(world, 12)
    catalog = world.catalog
    totals: dict[str, float] = {}
    for i in range(5):
        for k in range(12):
            title, _ = world.impression(i, k)
            expected = world.expected_reward(i, k)
            assert catalog.titles[truth.title[i, k]].id == title
            np.testing.assert_allclose(truth.reward[i, k, : len(expected)], expected, rtol=1e-6)
            assert np.isnan(truth.reward[i, k, len(expected) :]).all()
            for artwork, reward in zip(catalog[title].artworks, expected, strict=True):
                totals[artwork.id] = totals.get(artwork.id, 0.0) + reward
    for title, best in zip(catalog, truth.best_fixed, strict=True):
        sums = [totals.get(artwork.id, 0.0) for artwork in title.artworks]
        assert sums[best] == pytest.approx(max(sums))


def test_capture_of_known_policies():
    world = HandWorld(devices=9)
    truth = WorldTruth.measure(world, 10)
    first = truth.first[truth.title]
    oracle = first + np.nanargmax(truth.reward, axis=2)
    worst = first + np.nanargmin(truth.reward, axis=2)
    fixed = first + truth.best_fixed[truth.title]
    of = {name: values(truth, shown.astype(np.int32)) for name, shown in
          (("oracle", oracle), ("worst", worst), ("fixed", fixed))}  # fmt: skip
    assert capture(of["oracle"], of["oracle"].policy).value == pytest.approx(1.0)
    assert capture(of["worst"], of["worst"].policy).value < 0
    v = of["fixed"]
    assert capture(v, v.policy) == capture(v, v.best_fixed)
    assert capture(v, v.random).value == 0.0
    window = values(truth, oracle.astype(np.int32), slice(5, 10))
    np.testing.assert_allclose(window.policy, np.nanmax(truth.reward[:, 5:], axis=2).mean(axis=1), rtol=1e-6)


def test_intervals_cover():
    """Of 400 samples of 60 devices, about 95 % of the intervals hold the true ratio."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(400):
        x = rng.gamma(2.0, size=60)
        estimate = ratio(0.3 * x + rng.normal(0, 0.2, 60), x)
        hits += estimate.low <= 0.3 <= estimate.high
    assert 365 <= hits <= 392


def test_mean_and_its_edges():
    x = np.array([1.0, 2.0, 4.0])
    estimate = mean(x)
    assert estimate.value == pytest.approx(7 / 3)
    assert estimate.high - estimate.value == pytest.approx(1.959964 * x.std(ddof=1) / math.sqrt(3))
    assert mean(np.array([2.0])).high == math.inf
    nothing = ratio(np.zeros(4), np.zeros(4))
    assert (nothing.value, nothing.low, nothing.high) == (0.0, 0.0, 0.0)


def test_figures_are_those_of_the_windows():
    """The last quarter is the last quarter, and a policy that is best nowhere but there is seen to be."""
    world = HandWorld(devices=9)
    truth = WorldTruth.measure(world, 12)
    first = truth.first[truth.title]
    shown = first + np.nanargmin(truth.reward, axis=2)
    shown[:, 9:] = (first + np.nanargmax(truth.reward, axis=2))[:, 9:]
    shown = shown.astype(np.int32)
    found = figures(rewards(truth, shown))
    v = values(truth, shown)
    assert found["last_quarter_capture"].value == pytest.approx(1.0)
    assert found["capture"] == capture(v, v.policy) and found["capture"].value < 0.5
    assert found["policy_value"] == mean(v.policy) and found["oracle_value"] == mean(v.oracle)
    assert found["lift_over_random"].value == pytest.approx(v.policy.sum() / v.random.sum() - 1)
    np.testing.assert_allclose(
        values(truth, shown, slice(9, 12)).policy, rewards(truth, shown).policy[:, 9:].mean(axis=1)
    )
