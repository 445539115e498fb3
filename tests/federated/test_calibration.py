"""Calibration is green for propensities that are true, and red for those that are not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keyart.model.policy import distribution, draw_candidates
from keyart_federated.propensity_check import Calibration, chi_square_tail

ALL = np.ones((4000, 6), dtype=bool)


def decisions(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = distribution(rng.normal(0, 0.02, ALL.shape), ALL, 300.0)
    return p, draw_candidates(p, rng.random(len(p)))


def p_value(p: np.ndarray, chosen: np.ndarray) -> float:
    calibration = Calibration()
    for part in np.array_split(np.arange(len(p)), 7):
        calibration.add(p[part], chosen[part])
    return calibration.p_value()


def test_true_propensities_pass():
    values = [p_value(*decisions(seed)) for seed in range(60)]
    assert min(values) > 1e-3
    assert 0.3 < np.mean(values) < 0.7  # uniform, as a p value should be


def test_wrong_propensities_fail():
    p, chosen = decisions(1)
    sharper = p**1.2 / (p**1.2).sum(axis=1, keepdims=True)
    assert p_value(sharper, chosen) < 1e-6
    assert p_value(0.7 * p + 0.3 / 6, chosen) < 1e-6
    best = p.argmax(axis=1)
    assert p_value(p, np.where(np.arange(len(p)) % 8 == 0, best, chosen)) < 1e-6


def test_nothing_left_to_chance():
    p = np.eye(5)
    assert p_value(p, np.arange(5)) == 1.0
    assert Calibration().p_value() == 1.0


def test_parts_join():
    p, chosen = decisions(2)
    parts = [Calibration(), Calibration()]
    parts[0].add(p[:100], chosen[:100])
    parts[1].add(p[100:], chosen[100:])
    assert Calibration.joined(parts).p_value() == pytest.approx(p_value(p, chosen))


@pytest.mark.parametrize(
    ("statistic", "freedom", "tail"),  # upper points of published chi-square tables
    [(3.841, 1, 0.05), (5.991, 2, 0.05), (7.815, 3, 0.05), (12.592, 6, 0.05), (22.458, 6, 0.001), (10.828, 1, 0.001)],
)
def test_tail_of_chi_square(statistic, freedom, tail):
    assert chi_square_tail(statistic, freedom) == pytest.approx(tail, rel=1e-2)


def test_tail_at_its_ends():
    assert chi_square_tail(0.0, 3) == 1.0
    assert chi_square_tail(2.0, 2) == pytest.approx(math.exp(-1))
    assert 0 <= chi_square_tail(900.0, 5) < 1e-100
