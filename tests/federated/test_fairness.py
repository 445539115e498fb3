"""Fairness: each figure against a sum done by hand, and that it moves the way its name says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.worlds import HandWorld, Watched

import keyart
from keyart_federated import simulate
from keyart_federated.metrics import WorldTruth, rewards
from keyart_federated.simulation.fairness import DECILES, exposure, gini, measure, tag_entropy

TAGS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]], dtype=np.float32)


def of(rows) -> np.ndarray:
    return np.array(rows, dtype=np.int32)


def test_gini_of_known_shares():
    assert gini(np.array([3.0, 3.0, 3.0])) == 0.0
    assert gini(np.array([0.0, 0.0, 0.0, 8.0])) == pytest.approx(0.75)  # one of four has all: 1 − 1/4
    assert gini(np.array([3.0, 1.0])) == gini(np.array([1.0, 3.0])) == pytest.approx(0.25)
    x = np.random.default_rng(1).gamma(1.0, size=50)
    by_pairs = np.abs(x[:, None] - x).sum() / (2 * len(x) ** 2 * x.mean())
    assert gini(x) == pytest.approx(by_pairs)


def test_tag_entropy_of_known_shows():
    found = tag_entropy(of([[0, 0], [0, 1], [3, 3], [0, 3]]), TAGS)
    two_to_one = -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))
    np.testing.assert_allclose(found, [0.0, 1.0, 1.0, two_to_one])
    assert not np.signbit(found).any()
    assert tag_entropy(of([[0, 1]]), np.zeros((2, 0), dtype=np.float32)).tolist() == [0.0]


def truth_of(title, reward, counts) -> WorldTruth:
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
    return WorldTruth(
        np.array(reward, dtype=np.float32), of(title), np.zeros(len(counts), dtype=np.intp), first
    )  # fmt: skip


def test_titles_by_popularity_and_what_the_rarer_half_gains():
    """Title 0 is shown three times in four, title 1 once; each has two pictures."""
    nan = math.nan
    truth = truth_of([[0, 0, 0, 1]], [[[0.4, 0.2, nan], [0.4, 0.2, nan], [0.4, 0.2, nan], [0.1, 0.5, nan]]], [2, 2])
    shown = of([[0, 0, 1, 3]])
    played, quality = np.array([[1, 1, 0, 1]], np.float32), np.array([[1, 0, 0, 0]], np.float32)
    fair = measure(truth, rewards(truth, shown), shown, played, quality, TAGS)
    assert fair.exposure_by_decile == (0.25, 0.75, *[0.0] * (DECILES - 2))
    # Title 1: (.5 − .3) of (.5 − .3). Title 0: two of .1 and one of −.1, of three of .1.
    assert fair.capture_by_decile[:2] == pytest.approx((1.0, 1 / 3), rel=1e-6)
    assert fair.bottom_half_plays_gained == pytest.approx(0.2, rel=1e-6)
    assert fair.bottom_half_lift.value == pytest.approx(0.5 / 0.3 - 1, rel=1e-6)
    assert fair.coverage == 0.75
    assert fair.exposure_gini == pytest.approx(gini(np.array([2.0, 1.0, 0.0, 1.0])))
    assert fair.random_exposure_gini == pytest.approx(gini(np.array([1.5, 1.5, 0.5, 0.5])))
    assert fair.clickbait_rate.value == pytest.approx(2 / 3)
    assert fair.tag_entropy_first_quarter.value == 0.0
    assert fair.tag_entropy_last_quarter.value == 1.0  # picture 3 holds two tags alike


def test_a_title_that_nobody_meets_is_not_held_against_coverage():
    truth = truth_of([[0, 0]], [[[0.1, 0.2], [0.1, 0.2]]], [2, 2])
    showings, by_chance = exposure(truth, of([[1, 1]]), np.array([2, 0]))
    assert showings.tolist() == [0, 2] and by_chance.tolist() == [1, 1]


def test_no_plays_and_one_title_have_figures():
    truth = truth_of([[0, 0]], [[[0.0], [0.0]]], [1])
    nothing = np.zeros((1, 2), dtype=np.float32)
    fair = measure(truth, rewards(truth, of([[0, 0]])), of([[0, 0]]), nothing, nothing, TAGS[:1])
    assert all(math.isfinite(value) for value in fair.plain().values() if isinstance(value, float))
    assert (fair.clickbait_rate.value, fair.bottom_half_lift.value, fair.coverage) == (0.0, 0.0, 1.0)


class Abandoned(HandWorld):
    """Every other play is given up after a minute."""

    def outcome(self, i, k, artwork_id):
        outcome = super().outcome(i, k, artwork_id)
        return keyart.Outcome.played(60) if outcome.kind == "played" and (i + k) % 2 else outcome


def test_a_simulation_tells_of_what_it_showed(tmp_path):
    world = Watched(Abandoned(likes=0.9, dislikes=0.3))
    report = simulate(world, 6, 3, seed=4, nodes=3, out=tmp_path / "bundle")
    plays = abandoned = 0
    for (i, k), artwork in world.shown.items():
        outcome = world.outcome(i, k, artwork)
        plays += outcome.kind == "played"
        abandoned += outcome.kind == "played" and outcome.seconds == 60
    assert report.clickbait_rate == pytest.approx(abandoned / plays)
    met = {world.impression(i, k)[0] for i, k in world.shown}
    there = sum(len(world.catalog[title].artworks) for title in met)
    assert report.coverage == pytest.approx(len(set(world.shown.values())) / there)
    assert sum(report.exposure_by_decile) == pytest.approx(1.0)
    low, high = report.interval["clickbait_rate"]
    assert low < report.clickbait_rate < high
    assert (report.random_clickbait_rate, report.best_fixed_clickbait_rate) == (None, None)
    beside = report.beside(0.5, 0.4)
    assert (beside.random_clickbait_rate, beside.best_fixed_clickbait_rate) == (0.5, 0.4)
    beside.plot(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 20_000
