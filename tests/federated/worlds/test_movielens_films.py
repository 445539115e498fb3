"""Names are one film's in both sources, and a film's tags say what it holds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from keyart_federated.worlds.movielens.film_names import film_name, name_key, name_keys
from keyart_federated.worlds.movielens.films import MovieLensFilm, read_films


@pytest.mark.parametrize(
    ("listed", "recorded"),
    [
        ("Matrix, The", "The Matrix"),
        ("Fish Called Wanda, A", "A Fish Called Wanda"),
        ("Seven (Se7en)", "Seven"),
        ("Nenette et Boni", "Nénette et Boni"),
        ("Misérables, Les", "Les Misérables"),
        ("Truth About Cats & Dogs, The", "The Truth About Cats and Dogs"),
        ("Horseman on the Roof, The (Hussard sur le toit, Le)", "Le Hussard sur le toit"),
        ("Schindler's List", "Schindlers List"),
        ("Contempt (Mépris, Le)", "Le Mépris"),
    ],
)
def test_names_meet(listed: str, recorded: str) -> None:
    assert name_key(recorded) in list(name_keys(listed))


def test_names_that_differ_stay_apart() -> None:
    assert set(name_keys("Boys")).isdisjoint(name_keys("Bad Boys"))
    assert list(name_keys("(1995)")) == []
    assert name_key("A.I.") != name_key("")


def test_a_name_as_people_say_it() -> None:
    assert film_name("Horseman on the Roof, The (Hussard sur le toit, Le)") == "The Horseman on the Roof"
    assert film_name("Toy Story") == "Toy Story"


@pytest.fixture
def films(tmp_path: Path) -> list[MovieLensFilm]:
    items = tmp_path / "items"
    items.write_text(
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tHeist, The\t1995\tCrime Drama\n"
        "2\tunkonwn\tunkonwn\tunknown\n"
        "3\tTwins\t1990\tChildren's\n"
        "4\tNobody Knows It\t1960\tFilm-Noir\n"
        "5\tHeist, The\t1995\tCrime Drama\n",
        encoding="utf-8",
    )
    connection = sqlite3.connect(tmp_path / "films.db")
    connection.executescript(
        """
        CREATE TABLE omdb (ID, Title, Year INTEGER, Runtime REAL, Genre, Director, "Cast");
        CREATE TABLE tomatoes (ID INTEGER, Reviews INTEGER);
        INSERT INTO omdb VALUES
          (1, 'The Heist', 1996, 100, 'Crime, Thriller', 'Dee Rector',
           'Ann Ex, Bo Lead, Cy Ex, Di Ex, Ed Star'),
          (2, 'Twins', 1990, 90, 'Family', 'Dee Rector', NULL),
          (3, 'Twins', 1990, 95, 'Comedy', '', NULL),
          (4, 'The Heist', 1999, 50, 'Musical', '', NULL),
          (5, 'Solo', 2001, 80, '', '', 'Ed Star'),
          (6, 'Duo', 2002, 80, '', '', 'Bo Lead, Ed Star');
        INSERT INTO tomatoes VALUES (1, 10), (2, 3), (3, 30), (5, 50), (6, 40);
        """
    )
    connection.commit()
    connection.close()
    return read_films(items, tmp_path / "films.db")


def test_films_are_joined_by_name_and_year(films: list[MovieLensFilm]) -> None:
    heist, twins, unknown = films
    assert heist.items == (1, 5)
    assert (heist.name, heist.seconds, heist.matched) == ("The Heist", 6000.0, True)
    assert twins.seconds == 95 * 60  # of two records, the one with more reviews
    assert (unknown.seconds, unknown.cast, unknown.matched) == (0.0, (), False)


def test_tags_of_a_film(films: list[MovieLensFilm]) -> None:
    tags = films[0].tags()
    assert tags == {
        "genre:crime": 0.5,
        "genre:drama": 0.25,
        "genre:thriller": 0.25,
        "cast:ed-star": 1.0,
        "cast:bo-lead": 1.0,
        "cast:ann-ex": 1.0,
        "cast:cy-ex": 1.0,
        "director:dee-rector": 1.0,
        "decade:1990s": 1.0,
    }
    assert list(tags)[3:5] == ["cast:ed-star", "cast:bo-lead"]  # by renown, not by the alphabet
    assert films[1].tags() == {"genre:family": 0.5, "genre:comedy": 0.5, "decade:1990s": 1.0}
