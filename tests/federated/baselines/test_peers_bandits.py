"""Bandits without context: they find the better picture, and explore as their papers say."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

import keyart
from keyart_federated.baselines import EpsilonGreedy, Thompson

CONTEXT = keyart.Context("tv", datetime(2026, 1, 5, 20, tzinfo=UTC))
CATALOG = keyart.Catalog.from_titles(
    [keyart.Title(f"t{t}", artworks=[keyart.Artwork(f"t{t}/{a}") for a in range(4)]) for t in range(2)]
)
RATES = ((0.05, 0.05, 0.4, 0.05), (0.4, 0.05, 0.05, 0.05))


@pytest.mark.parametrize("make", [Thompson, EpsilonGreedy])
def test_the_better_picture_of_each_title_wins(make):
    peer, world = make(CATALOG, 1), random.Random(2)
    late = []
    for n in range(3000):
        title = n % 2
        picture = peer.choose(n, title, CONTEXT)
        peer.learn(title, picture, float(world.random() < RATES[title][picture]))
        if n >= 2000:
            late.append(RATES[title][picture] == 0.4)
    assert sum(late) / len(late) > 0.85


def test_greedy_explores_every_tenth_time():
    peer = EpsilonGreedy(CATALOG, 3)
    for _ in range(20):
        peer.learn(0, 1, 1.0)
    others = sum(peer.choose(0, 0, CONTEXT) != 1 for _ in range(4000)) / 4000
    assert others == pytest.approx(0.1 * 3 / 4, abs=0.02)


def test_ties_are_drawn():
    peer = EpsilonGreedy(CATALOG, 4, epsilon=0.0)
    assert {peer.choose(0, 0, CONTEXT) for _ in range(100)} == {0, 1, 2, 3}


def test_posterior_sampling_draws_by_the_chance_of_being_best():
    """Of two pictures with the same posterior each is drawn half of the time, the two hopeless ones next to never."""
    peer = Thompson(CATALOG, 5)
    for picture in (2, 3):
        for _ in range(400):
            peer.learn(0, picture, 0.0)
    drawn = [peer.choose(0, 0, CONTEXT) for _ in range(2000)]
    assert drawn.count(0) / 2000 == pytest.approx(0.5, abs=0.05)
    assert drawn.count(2) + drawn.count(3) < 60
