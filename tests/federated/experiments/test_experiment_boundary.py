"""The boundary holds at all times at once, and is narrow where it is asked to be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keyart_federated.experiments import Boundary

LOOKS, RUNS = 2_000, 2_000


def ever_outside(level: float, best_at: float, seed: int) -> float:
    rng = np.random.default_rng(seed)
    sums = np.cumsum(rng.normal(size=(RUNS, LOOKS)), axis=1)
    return float((np.abs(sums) > Boundary.best_at(best_at, level).reach(np.arange(1, LOOKS + 1))).any(axis=1).mean())


@pytest.mark.parametrize("level", [0.05, 0.2])
@pytest.mark.parametrize("best_at", [10.0, 500.0])
def test_a_random_walk_seldom_leaves_it(level, best_at):
    found = ever_outside(level, best_at, seed=4)
    assert level / 10 < found <= level + 3 * math.sqrt(level * (1 - level) / RUNS)


def test_it_is_narrowest_where_it_is_best():
    mine = Boundary.best_at(400.0, 0.05)
    widths = [float(Boundary(0.05, mine.rho * factor).reach(400.0)) for factor in (0.3, 0.9, 1.0, 1.1, 3.0)]
    assert min(widths) == widths[2]
    # √(y + ln y … ) by hand: three deviations where a test at one time takes two.
    assert widths[2] / 20 == pytest.approx(3.03, abs=0.01)


def test_a_smaller_level_is_wider_and_more_variance_is_wider():
    assert Boundary.best_at(9.0, 0.01).reach(9.0) > Boundary.best_at(9.0, 0.05).reach(9.0)
    reach = Boundary.best_at(9.0, 0.05).reach(np.array([1.0, 9.0, 81.0]))
    assert (np.diff(reach) > 0).all()
