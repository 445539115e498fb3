"""Ratings of real people: who rated what, when, by their own clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path

import numpy as np

from ...types import Doubles, Integers

# First digit of a US zip code, or first letter of a Canadian postal code, to hours from UTC. Zones run across
# states, and daylight saving time is left out, so that an hour of the day is right to about one hour.
_HOURS_FROM_UTC = (
    dict.fromkeys("01234", -5) | dict.fromkeys("567R", -6) | dict.fromkeys("8T", -7) | dict.fromkeys("9V", -8)
)
_EASTERN = -5
ORIGIN = datetime(1997, 9, 19)  # a local midnight before the first rating


@dataclass(frozen=True, slots=True)
class Ratings:
    """A person's ratings, in the order in which they were given.

    Attributes:
        film: Indices in the list of films.
        stars: Stars, 1–5.
        at: Seconds since ORIGIN, on the person's own clock.
    """

    zone: tzinfo
    film: Integers
    stars: Doubles
    at: Integers

    def split(self) -> tuple[Ratings, Ratings]:
        """Return the earlier half (rounded down) and the later half."""
        middle = len(self.film) // 2
        return self._part(slice(middle)), self._part(slice(middle, None))

    def _part(self, part: slice) -> Ratings:
        return Ratings(self.zone, self.film[part], self.stars[part], self.at[part])


def read_table(ratings: Path) -> Integers:
    """Return the ratings as a table, [ratings, 4]: person, item number, stars, seconds since 1970 in UTC."""
    return np.loadtxt(ratings, skiprows=1, delimiter="\t", dtype=np.int64)


def people_of(table: Integers, users: Path, film_of_item: Mapping[int, int]) -> list[Ratings]:
    """Return everybody's ratings of the films in `film_of_item`, people in the order of their numbers.

    A film that somebody rated under two numbers counts once, the first time.
    """
    film = np.array([film_of_item.get(item, -1) for item in table[:, 1].tolist()])
    table, film = table[film >= 0], film[film >= 0]
    # By person, time and item number, so that nothing depends on the order of the file.
    order = np.lexsort((table[:, 1], table[:, 3], table[:, 0]))
    table, film = table[order], film[order]
    origin = (ORIGIN.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    zones = {hours: timezone(timedelta(hours=hours)) for hours in (*_HOURS_FROM_UTC.values(), _EASTERN)}
    people = []
    for number, hours in _hours_from_utc(users):
        rows = np.arange(*np.searchsorted(table[:, 0], [number, number + 1]))
        _, first = np.unique(film[rows], return_index=True)
        rows = rows[np.sort(first)]
        local = table[rows, 3] + 3600 * hours - origin
        people.append(Ratings(zones[hours], film[rows], table[rows, 2].astype(np.float64), local))
    return people


def _hours_from_utc(users: Path) -> list[tuple[int, int]]:
    """Return the hours from UTC of each person, by number."""
    lines = [line.split("\t") for line in users.read_text(encoding="utf-8").splitlines()[1:]]
    return sorted((int(line[0]), _HOURS_FROM_UTC.get(line[4][:1].upper(), _EASTERN)) for line in lines)
