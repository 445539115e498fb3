"""Hidden preferences follow what was picked and rated, shrink where little is known, and move the right
pictures.
"""

from __future__ import annotations

from datetime import UTC

import numpy as np
import pytest

from keyart_federated.worlds.movielens.effects import CLICKBAIT_PENALTY, logits_of
from keyart_federated.worlds.movielens.film_artworks import LOOKS, FilmArtworks
from keyart_federated.worlds.movielens.ratings import Ratings
from keyart_federated.worlds.movielens.tastes import Tastes, hidden_tastes
from keyart_federated.worlds.table_world import DEVICES

# Six films: three of genre 0, three of genre 1; person 0 is in films 0 and 3, person 1 in film 5.
GENRES = np.repeat(np.eye(2), 3, axis=0)
PEOPLE = [[0], [], [], [0], [], [1]]


def rated(films: list[int], stars: list[int]) -> Ratings:
    return Ratings(UTC, np.array(films, dtype=np.int64), np.array(stars, dtype=float), np.arange(len(films)))


def tastes(*viewers: Ratings) -> Tastes:
    return hidden_tastes(list(viewers), GENRES, PEOPLE, 2)


def test_taste_follows_stars_and_choice() -> None:
    by_stars = tastes(rated([0, 1, 3, 4], [5, 5, 1, 1]), rated([0, 1, 3, 4], [1, 1, 5, 5])).genre
    assert by_stars[0, 0] > by_stars[0, 1]
    assert by_stars[1, 1] > by_stars[1, 0]
    by_choice = tastes(rated([0, 1, 2], [3, 3, 3]), rated([3, 4, 5], [3, 3, 3])).genre
    assert by_choice[0, 0] > 0 > by_choice[0, 1]


def test_few_ratings_say_less_than_many() -> None:
    few = rated([0, 3], [5, 1])
    many = rated([0, 1, 2, 3, 4, 5], [5, 5, 5, 1, 1, 1])
    genre = tastes(few, many, rated([0, 3], [3, 3])).genre
    assert genre[1, 0] > genre[0, 0] > genre[2, 0]


def test_people_count_where_they_were_met() -> None:
    person = tastes(rated([0, 1, 3], [5, 2, 5]), rated([1, 2, 4], [3, 3, 3])).person
    assert person[0, 0] > 0.5
    assert person[0, 1] == 0.0
    assert person[1].tolist() == [0.0, 0.0]


def test_a_viewer_of_nothing_is_no_error() -> None:
    assert np.isfinite(tastes(rated([], []), rated([0], [4])).title).all()


def test_pictures_gain_where_they_should() -> None:
    looks = np.zeros((4, len(LOOKS)), dtype=np.float32)
    looks[0, LOOKS.index("shot:close-up")] = looks[1, LOOKS.index("shot:wide")] = 1.0
    pictures = FilmArtworks(
        np.array([[1, 0], [0, 1], [1, 0], [1, 0]], dtype=np.float32),
        np.array([-1, -1, 0, 1]),
        looks,
        np.array([False, False, False, True]),
    )
    rng = np.random.default_rng(0)
    people = Tastes(rng.normal(size=(400, 2)), rng.normal(size=(400, 2)), np.zeros((400, 1)))
    logits = logits_of(people, pictures, [(0, 4)], seed=1)
    play = logits.viewer - logits.viewer.mean(axis=0)
    assert np.corrcoef(play[:, 1], people.genre[:, 1] - people.genre[:, 0])[0, 1] > 0.5
    assert np.corrcoef(play[:, 2] - play[:, 3], people.person[:, 0] - people.person[:, 1])[0, 1] > 0.7
    phone, tv = (logits.situation[DEVICES.index(device) * 4] for device in ("phone", "tv"))
    assert phone[0] > phone[1]
    assert tv[1] > tv[0]
    assert logits.keep_artwork[3] == pytest.approx(-CLICKBAIT_PENALTY, abs=0.5)
