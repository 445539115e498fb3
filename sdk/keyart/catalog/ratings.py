"""Age ratings of artworks, and the limits that are held against them: the one place that knows rating systems.

Within a system ratings compare by the system's own order, across systems by age. Ages are those that a system states:

- MPA: Classification and Rating Administration, "Classification and Rating Rules" (filmratings.com). R: under 17 with
  a parent; NC-17: no one 17 and under.
- TV: TV Parental Guidelines (tvguidelines.org), in their order: programmes for children first, then the others.
- FSK: German Youth Protection Act (JuSchG), section 14 (2).
- BBFC: "Classification Guidelines" (bbfc.co.uk). U: four and over; PG: eight or older; 12A and 12 have one standard.
- PEGI: Pan European Game Information (pegi.info).

MPA's PG and TV-PG state no age. They count as 10, between the stated ages of BBFC's PG (8) and of PG-13.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from ..errors import KeyartError
from .checks import quoted

MAX_AGE_DIGITS = 3
MAX_RATING_CHARACTERS = 32


class Rating(NamedTuple):
    """An age rating as numbers.

    Attributes:
        system: Place of its system in `SYSTEMS`, from 2; 1 for a plain age, 0 for no rating.
        rank: Place in the order of its system, mildest first; the age of a plain age.
        age: Age in years from which on it is meant to be seen.
    """

    system: int
    rank: int
    age: int


UNRATED: Final = Rating(0, 0, 0)
PLAIN_AGES: Final = 1


@dataclass(frozen=True, slots=True)
class RatingSystem:
    """A rating system.

    Attributes:
        name: Name of the system.
        prefix: Prefix of its ratings, such as "FSK ".
        steps: Names of one rank, and their age in years, mildest first.
        bare: Names that stand without the prefix, too.
    """

    name: str
    prefix: str
    steps: tuple[tuple[tuple[str, ...], int], ...]
    bare: frozenset[str] = frozenset()

    def spelled(self, name: str) -> str:
        """Return a rating of this system as it is usually written: "PG-13", "FSK 12"."""
        return name if name in self.bare else self.prefix + name


# A bare "PG" is MPA's; a bare number is a plain age, which is what the systems of numbers mean by it.
SYSTEMS: Final = (
    RatingSystem(
        "MPA",
        "MPA ",
        ((("G",), 0), (("PG",), 10), (("PG-13",), 13), (("R",), 17), (("NC-17",), 18)),
        frozenset({"G", "PG", "PG-13", "R", "NC-17"}),
    ),
    RatingSystem(
        "TV Parental Guidelines",
        "TV-",
        (
            (("Y",), 0), (("Y7",), 7), (("Y7-FV",), 7), (("G",), 0), (("PG",), 10), (("14",), 14), (("MA",), 17),
        ),
    ),
    RatingSystem("FSK", "FSK ", tuple(((str(age),), age) for age in (0, 6, 12, 16, 18))),
    RatingSystem(
        "BBFC",
        "BBFC ",
        ((("U",), 4), (("PG",), 8), (("12A", "12"), 12), (("15",), 15), (("18",), 18), (("R18",), 18)),
        frozenset({"U", "12A", "R18"}),
    ),
    RatingSystem("PEGI", "PEGI ", tuple(((str(age),), age) for age in (3, 7, 12, 16, 18))),
)  # fmt: skip


def rating_of(maturity: str) -> Rating | None:
    """Return the rating of a text such as "13+", "PG-13" or "FSK 12", or None if no system here has it.

    Case, spaces and hyphens do not count: "fsk12" is "FSK 12".
    """
    return _rating_of(maturity) if len(maturity) <= MAX_RATING_CHARACTERS else None


def check_rating(maturity: object, what: str, error: type[KeyartError]) -> None:
    """Raise `error` unless the value is a rating, or "" for none. `what` names it in the message."""
    if not isinstance(maturity, str) or (maturity and rating_of(maturity) is None):
        raise error(f"{what} is {quoted(maturity)}, no known age rating. Write '13+', 'all' or {known_ratings()}.")


def known_ratings() -> str:
    """Return every rating that is not a plain age, by system: "FSK 0, 6, 12, 16, 18; …"."""
    return "; ".join(
        system.prefix + ", ".join(name for names, _ in system.steps for name in names) for system in SYSTEMS
    )


@lru_cache(maxsize=256)
def _rating_of(maturity: str) -> Rating | None:
    text = maturity.strip().casefold()
    if text == "all":
        return Rating(PLAIN_AGES, 0, 0)
    digits = text.removesuffix("+")
    if len(digits) <= MAX_AGE_DIGITS and digits.isdigit() and digits.isascii():
        return Rating(PLAIN_AGES, int(digits), int(digits))
    return _BY_NAME.get(_folded(text))


def _folded(name: str) -> str:
    """Return a name without case, spaces and hyphens."""
    return "".join(name.casefold().replace("-", " ").split())


def _by_name() -> Mapping[str, Rating]:
    found = {}
    for place, system in enumerate(SYSTEMS, PLAIN_AGES + 1):
        for rank, (names, age) in enumerate(system.steps):
            for name in names:
                rating = Rating(place, rank, age)
                found[_folded(system.prefix + name)] = rating
                if name in system.bare:
                    found[_folded(name)] = rating
    return found


_BY_NAME: Final = _by_name()
