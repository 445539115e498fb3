"""Sub-cohorts: disjoint ranges of buckets, and intervals that hold although fewer than half of the cohorts lie."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from keyart_federated.campaigns.segments import SegmentEstimate
from keyart_federated.campaigns.settings import MIN_COHORT_DEVICES, Cohort
from keyart_federated.campaigns.sub_cohorts import (
    UNKNOWN,
    CohortTurn,
    MedianEstimate,
    bucket_range,
    combined,
    level_of_each,
    median_interval,
)


@pytest.mark.parametrize("cohorts", [1, 3, 5, 9])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 0.1), (0.1, 0.37)])
def test_ranges_leave_nobody_out_and_count_nobody_twice(low, high, cohorts):
    ranges = [bucket_range(low, high, cohort, cohorts) for cohort in range(cohorts)]
    assert ranges[0][0] == low and ranges[-1][1] == high
    assert all(one[1] == other[0] for one, other in pairwise(ranges)) and all(a < b for a, b in ranges)


@pytest.mark.parametrize("cohorts", [3, 5])
@pytest.mark.parametrize("lie", [None, math.inf, -math.inf, 2.0, -2.0, "missing"])
def test_the_interval_holds_although_fewer_than_half_lie(cohorts, lie):
    """`lie`: by how many standard errors hostile sub-cohorts are off, or that their sums were refused."""
    rng, missed, draws = np.random.default_rng(3), 0, 4000
    for means in rng.normal(0.3, 0.01, (draws, cohorts)):
        honest = [SegmentEstimate(float(mean), 0.01, 100.0) for mean in means]
        for place in range(cohorts // 2 if lie is not None else 0):
            honest[place] = UNKNOWN if lie == "missing" else SegmentEstimate(0.3 + 0.01 * lie, 0.01, 100.0)
        low, high = MedianEstimate(tuple(honest)).interval()
        missed += not low <= 0.3 <= high
    assert missed / draws <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws)


def test_one_sub_cohort_is_its_own_estimate():
    one = {"all": SegmentEstimate(0.1, 0.02, 50.0)}
    assert combined([one]) == one and level_of_each(0.95, 1) == pytest.approx(0.95)


def test_what_is_missing_could_be_anything():
    known = SegmentEstimate(0.1, 0.02, 50.0)
    found = combined([{"all": known}, {}, {"all": known, "tv": known}])
    assert found["all"].interval() == known.interval(level_of_each(0.95, 3)) and found["all"].devices == 100.0
    assert found["all"].mean == 0.1 and found["tv"].interval() == (-math.inf, math.inf)
    assert MedianEstimate((UNKNOWN,) * 3).mean == 0.0
    assert median_interval([(0.0, 1.0), (5.0, 6.0), (-9.0, 9.0)]) == (0.0, 6.0)


def test_turns_ask_every_sub_cohort_once_a_round():
    turns = [CohortTurn.after(sums, 3) for sums in range(7)]
    assert [(one.round_, one.cohort) for one in turns] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]
    assert [one.opens for one in turns] == [True, False, False] * 2 + [True]


@pytest.mark.parametrize(
    ("wanted", "minimum", "cohorts", "of_each"),
    [(1000, 50, 3, (333, 50)), (20_000, 14_000, 3, (6666, 4666)), (149, 50, 1, (149, 50)), (150, 50, 3, (50, 50)),
     (12, 4, 3, (4, 4)), (11, 4, 1, (11, 4)), (170, 160, 3, (56, 53))],
)  # fmt: skip
def test_how_many_there_are_by_default(wanted, minimum, cohorts, of_each):
    found = Cohort(wanted=wanted, minimum_devices=minimum)
    assert found.sub_cohorts == cohorts and (found.wanted_of_cohort, found.minimum_of_cohort) == of_each
    assert of_each[1] >= min(minimum, MIN_COHORT_DEVICES)
