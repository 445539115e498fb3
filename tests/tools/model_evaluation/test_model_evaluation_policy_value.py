"""Values and their differences: right in the mean, and intervals that hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keyart_tools.model_evaluation import ExpectedRewards, LoggedReward, by_device, difference, plain, value


def test_snips_weights() -> None:
    logged = LoggedReward(place=1, propensity=0.25, reward=1.0)

    assert logged.of(np.array([0.5, 0.5])) == (2.0, 2.0)
    assert logged.of(np.array([1.0, 0.0])) == (0.0, 0.0)
    assert LoggedReward(0, 0.01, 1.0).of(np.array([1.0, 0.0])) == (10.0, 10.0)  # cut
    assert ExpectedRewards(np.array([0.2, 0.6])).of(np.array([0.5, 0.5])) == (pytest.approx(0.4), 1.0)


def test_sums_by_device() -> None:
    sums = by_device(np.array([7, 7, 3]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))

    assert sums.tolist() == [[5.0, 6.0], [4.0, 6.0]]
    assert value(sums).value == 9 / 12


def test_of_equal_policies_nothing_is_apart() -> None:
    sums = np.random.default_rng(0).random((50, 2))

    apart = difference(sums, sums)

    assert (apart.value, apart.low, apart.high) == (0.0, 0.0, 0.0)


def test_paired_intervals_hold_and_are_narrower() -> None:
    rng = np.random.default_rng(1)
    covered = narrower = 0
    for _ in range(300):
        device = rng.gamma(2.0, 1.0, 200)  # what both have in common
        one = np.stack([device * 0.3 + rng.normal(0, 0.1, 200), device], axis=1)
        other = np.stack([device * 0.32 + rng.normal(0, 0.1, 200), device], axis=1)
        apart = difference(one, other)
        covered += apart.low <= 0.02 <= apart.high
        narrower += apart.high - apart.low < 2 * (value(one).high - value(one).low)
    assert 0.92 <= covered / 300 <= 0.98
    assert narrower == 300


def test_one_device_has_no_interval() -> None:
    apart = difference(np.array([[1.0, 2.0]]), np.array([[1.5, 2.0]]))

    assert apart.value == 0.25 and math.isinf(apart.high)
    assert plain(apart) == {"value": 0.25, "low": None, "high": None}
