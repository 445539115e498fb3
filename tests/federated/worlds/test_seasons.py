"""Weeks and dayparts tilt genres: what pictures earn, and what comes up."""

from __future__ import annotations

import numpy as np
import pytest

from keyart.context import DAYPARTS
from keyart_federated.worlds import SyntheticWorld
from keyart_federated.worlds.seasons import drawn_seasons
from keyart_federated.worlds.synthetic_catalog import GENRES

QUIET = {"context": 0.0, "position_bias": 0.0, "play_rate": 0.0001}
WEEK = 28


def test_pictures_of_a_genre_have_their_weeks_and_their_hours() -> None:
    world = SyntheticWorld(viewers=12, titles=1, impressions=10 * WEEK, seasons=0.5, seed=2, **QUIET)
    tilts = drawn_seasons(10, 0.5, 2)
    shows = np.array([[a.tags.get(genre, 0.0) for genre in GENRES] for a in world.catalog.titles[0].artworks])
    for i in range(12):
        first = world.expected_reward(i, 0)
        start = tilts.weeks[0] + tilts.dayparts[DAYPARTS.index(world.impression(i, 0)[1].daypart)]
        for k in range(0, 10 * WEEK, 5):
            now = tilts.weeks[k // WEEK] + tilts.dayparts[DAYPARTS.index(world.impression(i, k)[1].daypart)]
            assert np.log(world.expected_reward(i, k) / first) == pytest.approx(shows @ (now - start), abs=0.03)


def test_without_seasons_a_reward_stays() -> None:
    world = SyntheticWorld(viewers=3, titles=1, impressions=3 * WEEK, **QUIET)
    assert all(np.array_equal(world.expected_reward(1, k), world.expected_reward(1, 0)) for k in range(3 * WEEK))


def test_titles_of_a_genre_come_up_in_its_weeks() -> None:
    world = SyntheticWorld(viewers=400, titles=30, artworks=2, impressions=4 * WEEK, seasons=1.0, seed=3)
    place = {title.id: n for n, title in enumerate(world.catalog)}
    counts = np.ones((4, 30))
    for i in range(400):
        for k in range(4 * WEEK):
            counts[k // WEEK, place[world.impression(i, k)[0]]] += 1
    held = np.array([[title.tags.get(genre, 0.0) for genre in GENRES] for title in world.catalog])
    stated = np.exp(drawn_seasons(4, 1.0, 3).weeks @ held.T) * counts.sum(axis=0)
    seen, expected = (np.log(n / n.sum(axis=1, keepdims=True)) for n in (counts, stated))
    assert np.corrcoef((seen - seen.mean(axis=0)).ravel(), (expected - expected.mean(axis=0)).ravel())[0, 1] > 0.9


def test_a_season_comes_again_and_has_the_size_asked_for() -> None:
    seasons = drawn_seasons(16, 0.5, 0)
    assert seasons.weeks[:8] == pytest.approx(seasons.weeks[8:])
    assert seasons.weeks[0] == pytest.approx(-seasons.weeks[4])
    assert seasons.weeks.std() == pytest.approx(0.5)
    assert 0.35 < seasons.dayparts.std() < 0.65
