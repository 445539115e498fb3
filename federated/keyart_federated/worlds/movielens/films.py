"""Real films: MovieLens names and genres, joined by name and year with a database's cast, director and runtime.

The database lists a cast by the alphabet and holds no audience votes. A film's stars are therefore taken to be the
names of most renown: each film of the database shares out √reviews evenly among its cast, so that leads of
well-known films with few names come first. Among several films of a name and year, the one with the most reviews is
taken.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .film_names import film_name, name_key, name_keys

STARS = 4  # cast members that a title's tags name
_GENRES = {"childrens": "family", "music": "musical", "unknown": ""}


@dataclass(frozen=True, slots=True)
class MovieLensFilm:
    """A film of MovieLens.

    Attributes:
        items: Its MovieLens numbers; a few films are listed twice.
        seconds: Runtime, 0 if unknown.
        genres: Genre shares.
        matched: Whether the film database knows it; without it there is no cast, director or runtime.
    """

    items: tuple[int, ...]
    name: str
    year: int
    seconds: float
    genres: Mapping[str, float]
    cast: tuple[str, ...]
    directors: tuple[str, ...]
    matched: bool

    @property
    def id(self) -> str:
        """Return the id of the title."""
        return f"ml{self.items[0]}"

    def tags(self) -> dict[str, float]:
        """The tags: `genre:*` with shares that sum to 1, `cast:*`, `director:*` and `decade:*` with weight 1."""
        tags = {f"genre:{genre}": share for genre, share in self.genres.items()}
        tags |= {f"cast:{slug(person)}": 1.0 for person in self.cast}
        tags |= {f"director:{slug(person)}": 1.0 for person in self.directors}
        return tags | {f"decade:{self.year // 10 * 10}s": 1.0}


@dataclass(frozen=True, slots=True)
class _Record:
    """A film of the database."""

    year: int
    reviews: int
    minutes: float
    genres: tuple[str, ...]
    cast: tuple[str, ...]
    directors: tuple[str, ...]


def slug(name: str) -> str:
    """Return `anthony-hopkins` for `Anthony Hopkins`."""
    return name_key(name).replace(" ", "-")


def read_films(items: Path, database: Path) -> list[MovieLensFilm]:
    """Return every film of the MovieLens list that has a name and a year, in the order of their numbers."""
    records, renown = _records(database)
    listed: dict[tuple[str, int], list[int]] = defaultdict(list)
    genres: dict[tuple[str, int], str] = {}
    for line in items.read_text(encoding="utf-8").splitlines()[1:]:
        number, listed_name, listed_year, classes = line.split("\t")
        if listed_year.isdigit():
            listed[listed_name, int(listed_year)].append(int(number))
            genres[listed_name, int(listed_year)] = classes
    films = []
    for (title, year), numbers in listed.items():
        record = _best(records, title, year)
        stars = sorted(record.cast, key=lambda person: (-renown[person], person)) if record else []
        films.append(
            MovieLensFilm(
                items=tuple(numbers),
                name=film_name(title),
                year=year,
                seconds=60.0 * record.minutes if record else 0.0,
                genres=_shares(genres[title, year].split(), record.genres if record else ()),
                cast=tuple(stars[:STARS]),
                directors=record.directors if record else (),
                matched=record is not None,
            )
        )
    return films


def _records(database: Path) -> tuple[dict[str, list[_Record]], dict[str, float]]:
    """Return records by name key, and each person's renown."""
    by_key: dict[str, list[_Record]] = defaultdict(list)
    renown: dict[str, float] = defaultdict(float)
    query = """
        SELECT omdb.Title, Year, Runtime, Genre, Director, omdb."Cast", tomatoes.Reviews
        FROM omdb LEFT JOIN tomatoes ON tomatoes.ID = omdb.ID ORDER BY omdb.ID
    """
    connection = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
    try:
        for title, year, minutes, genres, directors, cast, reviews in connection.execute(query):
            people = _listed(cast)
            for person in people:
                renown[person] += math.sqrt(reviews or 0) / len(people)
            record = _Record(year, reviews or 0, minutes or 0.0, _listed(genres), people, _listed(directors))
            by_key[name_key(title)].append(record)
    finally:
        connection.close()
    return by_key, renown


def _listed(names: str | None) -> tuple[str, ...]:
    return tuple(name for name in (names or "").split(", ") if name)


def _best(records: Mapping[str, list[_Record]], title: str, year: int) -> _Record | None:
    """Return the record of this name, at most a year off: the nearest year first, then the most reviews."""
    for key in name_keys(title):
        near = [record for record in records.get(key, ()) if abs(record.year - year) <= 1]
        if near:
            return min(near, key=lambda record: (abs(record.year - year), -record.reviews))
    return None


def _shares(listed: list[str], recorded: tuple[str, ...]) -> dict[str, float]:
    """Return genre shares; a genre that both sources name weighs twice as much as one that only one of them names."""
    counts = Counter(_GENRES.get(genre, genre) for genre in map(slug, [*listed, *recorded]))
    del counts[""]
    total = sum(counts.values())
    return {genre: count / total for genre, count in counts.items()}
