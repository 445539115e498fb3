"""The graph: its thresholds are safe, its failures rare, and what is not safe is refused with the least that is."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from keyart.errors import SettingError
from keyart.secagg import Graph, min_required
from keyart.secagg.graph import COLLUDING, FAILURE, MIN_NEIGHBOURS, RING, ring_position

SIZES = [2, 3, 4, 5, 7, 10, 30, 57, 58, 100, 101, 300, 1000, 5000]


def needed(n: int, permille: int) -> int:
    return max(min_required(n), -(-permille * n // 1000))


@pytest.mark.parametrize("permille", [600, 700, 800, 900, 1000])
@pytest.mark.parametrize("n", SIZES)
def test_no_two_kinds_of_share_can_both_reach_the_threshold(n, permille):
    """k neighbours of which c collude: a of the others say this, k − c − a that; a + c and k − a cannot both be t."""
    one = Graph.of(n, needed(n, permille))
    k, t = one.neighbours, one.threshold
    assert t > k / 2 + math.floor(COLLUDING * k) and 2 * t > k + math.floor(COLLUDING * k)
    assert t <= k <= n - 1 and (one.complete or (k % 2 == 0 and k >= MIN_NEIGHBOURS))


@pytest.mark.parametrize(("n", "permille"), [(100, 700), (300, 700), (1000, 800), (1000, 900), (5000, 700)])
def test_chance_of_too_few_neighbours_is_below_the_bound(n, permille):
    """Exactly, with whole numbers; the bound is met, and by one more share it would not be."""
    one = Graph.of(n, needed(n, permille))
    assert not one.complete

    def chance(threshold: int) -> Fraction:
        k, answering, silent = one.neighbours, needed(n, permille) - 1, n - needed(n, permille)
        ways = sum(math.comb(answering, i) * math.comb(silent, k - i) for i in range(threshold))
        return Fraction(n * ways, math.comb(n - 1, k))

    assert chance(one.threshold) < FAILURE <= chance(one.threshold + 1)


@pytest.mark.parametrize("n", [2, 3, 4, 10, 30, 50])
def test_small_ones_are_complete_and_reach_exactly_what_is_required(n):
    one = Graph.of(n, min_required(n))
    assert one.complete and one.threshold == min_required(n) - 1 and one.reach == RING


def test_least_required():
    assert [min_required(n) for n in (2, 3, 4, 12, 100)] == [2, 3, 3, 7, 55]
    assert all(n / 2 < min_required(n) <= n for n in range(2, 500))


@pytest.mark.parametrize(("n", "required"), [(1, 1), (0, 0), (10, 5), (100, 54), (10, 11), (10, -1)])
def test_what_is_not_safe_is_refused_with_what_would_be(n, required):
    with pytest.raises(SettingError, match="threshold") as caught:
        Graph.of(n, required)
    assert str(max(2, n // 2 + 1) if n < 100 else 55) in str(caught.value)


@pytest.mark.parametrize("n", [10, 80, 101])
def test_neighbours_are_mutual_and_stand_where_the_other_one_counts_back(n):
    one = Graph.of(n, n)
    lists = [[(i + d) % n for d in one.distances()] for i in range(n)]
    assert all(len(set(row)) == one.neighbours and i not in row for i, row in enumerate(lists))
    for i, row in enumerate(lists):
        for j, other in enumerate(row):
            assert lists[other][one.neighbours - 1 - j] == i


def test_thresholds_that_would_take_too_many_neighbours_are_refused_soon():
    """Whatever number of devices a server states."""
    with pytest.raises(SettingError, match="more than 8192 neighbours"):
        Graph.of(2**32 - 1, 2368000000)
    assert Graph.of(8000, min_required(8000)).complete


@pytest.mark.parametrize(("n", "permille"), [(1000, 700), (10_000, 800)])
def test_values_on_the_page(n, permille):
    one = Graph.of(n, needed(n, permille))
    assert (one.neighbours, one.threshold) == {1000: (258, 142), 10_000: (128, 71)}[n]


@pytest.mark.parametrize(("n", "permille"), [(100, 700), (400, 800)])
def test_random_dropouts_leave_everybody_enough(n, permille):
    one, rng = Graph.of(n, needed(n, permille)), np.random.default_rng(1)
    distances = np.array(one.distances())
    for _ in range(200):
        alive = np.zeros(n, dtype=bool)
        alive[rng.permutation(n)[: needed(n, permille)]] = True
        assert alive[(np.arange(n)[:, None] + distances) % n].sum(axis=1).min() >= one.threshold


def test_honest_lists_are_within_reach_and_halved_ones_beyond():
    n = 2000
    one, rng = Graph.of(n, 1800), np.random.default_rng(2)
    half = one.neighbours // 2
    for _ in range(50):
        places = np.sort(rng.random(n))
        ahead = (np.roll(places, -half) - places) % 1
        assert ahead.max() * RING <= one.reach
        thinned = places[::5]
        assert ((np.roll(thinned, -half) - thinned) % 1).max() * RING > one.reach


def test_places_are_of_the_device_and_the_round():
    places = {ring_position(bytes([r]) * 32, bytes([d]) * 32) for r in range(8) for d in range(8)}
    assert len(places) == 64 and all(0 <= p < RING for p in places)
    assert np.mean([p / RING for p in places]) == pytest.approx(0.5, abs=0.15)
