"""Facts about a title that every source knows, and the tags they become."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from keyart_tools.vocabulary import genres_of, tag_of

MAX_CAST = 10  # people of a cast list, in billing order, that become tags
MAX_KEYWORDS = 20
MAX_NAME_CHARACTERS = 1000
MAX_SECONDS = 100 * 3600.0  # of a title; a larger duration is a slip
DECADES = range(1870, 2200)

_MINUTES = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:m|min\.?|mins|minutes?)?", re.IGNORECASE)
_HOURS = re.compile(r"(\d+)\s*h(?:ours?|rs?)?\.?\s*(?:(\d+)\s*(?:m|min\.?|mins|minutes?)?)?", re.IGNORECASE)
_CLOCK = re.compile(r"(\d+):(\d\d)(?::(\d\d))?")
_YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class TitleFacts:
    """Facts about a title, as a source spells them.

    Attributes:
        seconds: Duration, or 0 if unknown.
        year: Year of the first showing, or 0 if unknown.
        maturity: Age rating in a spelling that keyart knows, or "".
    """

    name: str = ""
    seconds: float = 0.0
    year: int = 0
    maturity: str = ""
    genres: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    directors: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    franchises: tuple[str, ...] = ()
    studios: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()

    def tags(self) -> dict[str, float]:
        """Return tags of weight 1."""
        named: dict[str, Iterable[str]] = {
            "cast": self.cast[:MAX_CAST],
            "director": self.directors,
            "writer": self.writers,
            "franchise": self.franchises,
            "studio": self.studios,
            "country": self.countries,
            "keyword": self.keywords[:MAX_KEYWORDS],
        }
        tags = dict.fromkeys(genres_of(self.genres), 1.0)
        for kind, names in named.items():
            tags |= {tag: 1.0 for name in names if (tag := tag_of(kind, name))}
        if self.year in DECADES:
            tags[f"decade:{self.year // 10 * 10}s"] = 1.0
        return tags


def seconds_of_runtime(text: str) -> float | None:
    """Return the seconds of a runtime such as "104" (minutes), "1h 44m" or "01:44:00"; None if it is none."""
    text = text.strip()
    seconds = None
    if match := _MINUTES.fullmatch(text):
        seconds = 60.0 * float(match[1].replace(",", "."))
    elif match := _HOURS.fullmatch(text):
        seconds = 3600.0 * int(match[1]) + 60.0 * int(match[2] or 0)
    elif match := _CLOCK.fullmatch(text):
        seconds = 3600.0 * int(match[1]) + 60.0 * int(match[2]) + int(match[3] or 0)
    return seconds if seconds is not None and seconds <= MAX_SECONDS else None


def year_of(text: str) -> int:
    """Return the year of "1995" or "1995-12-31"; 0 if the text begins with none."""
    match = _YEAR.match(text.strip())
    return int(match[0]) if match else 0
