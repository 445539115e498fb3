"""The objective is monotone and submodular, and the greedy choice as good as is proved."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyart_tools.tagging.selection import Objective, select
from keyart_tools.tagging.similarity import cosines


def objective(seed: int, pictures: int = 9, count: int = 3) -> Objective:
    chance = np.random.default_rng(seed)
    vectors = np.abs(chance.normal(size=(pictures, 4))).astype(np.float32)
    worth = chance.random(6)
    return Objective(
        cosines(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)),
        chance.random((pictures, 6)) * (chance.random((pictures, 6)) < 0.4),
        worth / worth.sum(),
        chance.random(pictures),
        count,
    )


sets = st.sets(st.integers(0, 8), max_size=6)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10_000), smaller=sets, more=sets, picture=st.integers(0, 8))
def test_monotone_with_diminishing_returns(seed: int, smaller: set[int], more: set[int], picture: int) -> None:
    f, larger = objective(seed).value, smaller | more

    assert f(larger) >= f(smaller) - 1e-12
    if picture not in larger:
        assert f(smaller | {picture}) - f(smaller) >= f(larger | {picture}) - f(larger) - 1e-12


@pytest.mark.parametrize("seed", range(20))
def test_greedy_reaches_its_share_of_the_best(seed: int) -> None:
    problem = objective(seed)
    best = max(problem.value(chosen) for chosen in combinations(range(9), 3))

    assert problem.value(select(problem)) >= (1 - 1 / math.e) * best


@pytest.mark.parametrize("seed", range(20))
def test_lazy_greedy_is_greedy(seed: int) -> None:
    problem = objective(seed, pictures=30, count=10)
    chosen: list[int] = []
    while len(chosen) < 10:
        rest = [p for p in range(30) if p not in chosen]
        chosen.append(max(rest, key=lambda p: (problem.value([*chosen, p]), -p)))

    assert select(problem) == chosen


def test_value_lies_between_nothing_and_everything() -> None:
    perfect = Objective(np.ones((2, 2)), np.ones((2, 1)), np.ones(1), np.ones(2), 2)

    assert perfect.value([]) == 0.0
    assert perfect.value([0, 1]) == pytest.approx(1.0)


def test_what_comes_first_is_in() -> None:
    problem = objective(1, count=4)

    assert select(problem, [8, 2])[:2] == [8, 2]
    assert len(select(problem, [8, 2])) == 4
    assert select(problem, [1, 2, 3, 4, 5]) == [1, 2, 3, 4, 5]  # even if they are more


def test_fewer_pictures_than_asked_for() -> None:
    assert sorted(select(objective(1, count=50))) == list(range(9))
    empty = Objective(np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0), np.zeros(0), 5)
    assert select(empty) == []


def test_one_of_each_kind_is_chosen() -> None:
    """Three heaps of pictures, two thirds in the first: one of each comes before two of the largest."""
    heaps = np.repeat([0, 1, 2], [8, 2, 2])
    cosine = (heaps[:, None] == heaps[None, :]).astype(float)
    problem = Objective(cosine, np.zeros((12, 0)), np.zeros(0), np.full(12, 0.5), 3)

    assert sorted(heaps[select(problem)]) == [0, 1, 2]
