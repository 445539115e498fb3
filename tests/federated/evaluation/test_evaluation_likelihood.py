"""Intervals by empirical likelihood, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keyart_federated.evaluation.empirical_likelihood import LEANING, deviance, freedom, interval, student


def binomial(times: int, of: int, rate: float) -> float:
    """2 log of the likelihood ratio."""
    hit = times * math.log(times / of / rate) if times else 0.0
    return 2 * (hit + (of - times) * math.log((1 - times / of) / (1 - rate)))


@pytest.mark.parametrize(("times", "of"), [(7, 20), (3, 400), (199, 200), (0, 50)])
def test_of_yes_and_no_it_is_the_binomial(times, of):
    reward = (np.arange(of) < times).astype(float)
    for rate in (0.01, 0.3, 0.9):
        assert deviance(reward - rate, -rate, 1 - rate) == pytest.approx(binomial(times, of, rate), rel=1e-7)
    ones, nothing = np.ones(of), np.zeros(of)
    low, high = interval(reward, ones, nothing, ones, 0.95)
    quantile = student(0.95, min(of - 1, LEANING * freedom(reward - reward.mean())))
    assert binomial(times, of, high) == pytest.approx(quantile**2, rel=1e-4)
    if times:
        assert binomial(times, of, low) == pytest.approx(quantile**2, rel=1e-4)
    else:
        assert low == 0.0


def test_no_reward_is_not_no_doubt():
    """Mass where no reward was seen: one more of the same weight. Of n decisions without any, about 2 to 4 in n."""
    nothing = np.zeros(1000)
    low, high = interval(nothing, np.ones(1000), nothing, np.ones(1000), 0.95)
    assert low == 0.0 and 1.9 < 1000 * high < 4.0
    narrow = interval(nothing, np.ones(1000), nothing, np.full(1000, 0.5), 0.95)
    assert narrow[1] == pytest.approx(high / 2, rel=0.01)


def test_beyond_what_can_be_there_is_no_chance():
    z = np.array([-0.2, -0.1, -0.4])
    assert deviance(z, -0.4, 0.0) == math.inf
    assert deviance(-z, 0.0, 0.4) == math.inf
    assert deviance(np.array([-1.0, 1.0]), -1.0, 1.0) == 0.0
    assert math.isfinite(deviance(z, -0.4, 1e-9))


def test_many_normal_ones_come_near_the_normal_interval():
    rng = np.random.default_rng(1)
    a = rng.normal(3.0, 2.0, 4000)
    low, high = interval(a, np.ones(4000), a - 10, a + 10, 0.95)
    reach = 1.96 * a.std() / math.sqrt(4000)
    assert (low, high) == pytest.approx((a.mean() - reach, a.mean() + reach), abs=0.05 * reach)


def test_all_alike():
    ones = np.ones(30)
    assert interval(ones, ones, 0 * ones, ones, 0.95)[1] == 1.0
    low, _ = interval(ones, ones, 0 * ones, ones, 0.95)
    assert 0.8 < low < 0.95


def test_degrees_of_freedom():
    rng = np.random.default_rng(2)
    assert 0.9 < freedom(rng.normal(size=100_000)) / 100_000 <= 1
    few = np.zeros(10_000)
    few[:12] = 1.0
    assert freedom(few) == pytest.approx(
        24, rel=0.01
    )  # the variance of 12 events is known like that of 25 normal ones
    assert freedom(np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])) == 4.0
    assert freedom(np.array([1.0, -1.0])) == 1.0
    assert freedom(np.zeros(9)) == 8.0


@pytest.mark.parametrize(  # two-sided quantiles of Student's t, as tables have them
    ("level", "degrees", "table"),
    [
        (0.95, 4, 2.776445), (0.95, 10, 2.228139), (0.95, 60, 2.000298), (0.99, 5, 4.032143), (0.9, 8, 1.859548),
        (0.95, 1e9, 1.959964),
    ],
)  # fmt: skip
def test_student(level, degrees, table):
    assert student(level, degrees) == pytest.approx(table, rel=0.005)
