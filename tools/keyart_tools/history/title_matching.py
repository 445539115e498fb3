"""Matching of titles by the names that other services give them; no match is better than a wrong one.

The rules apply in this order, and only if exactly one title fits:
1. the id;
2. the same name, folded (case, accents, punctuation, "Sea, The"); years in brackets must agree if both have one;
3. for a series, the name before the season: `"Name: Season 1: Episode"`, also if the season repeats the name of the
   series (`"Name: Name 3: Episode"`); a film called `"Name: More"` is another film;
4. a name of at least 8 letters with the same digits that differs by one inserted, deleted or replaced letter, or by
   two swapped neighbours (a restricted Damerau–Levenshtein distance of 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from keyart import Catalog
from keyart_tools.text.folding import folded

How = Literal["id", "name", "series", "nearly"]
MIN_FUZZY_LENGTH = 8  # letters

_YEAR = re.compile(r"\s*[(\[](\d{4})[)\]]\s*$")
_ARTICLE_BEHIND = re.compile(r"(.+), (the|a|an|der|die|das|le|la|les|el|los|il)$", re.IGNORECASE)
_SEASON = re.compile(
    r"(limited series|mini ?serie|(season|series|part|volume|vol|book|collection|chapter|staffel|teil|saison|partie|"
    r"temporada|parte|stagione|temporadas|seizoen|deel|sasong|sæson|saeson|sesong|kausi|sezon|czesc|serie|sezona) \d)"
)
_SEASON_ASIAN = re.compile(r"シーズン|第\d|시즌")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class TitleMatch:
    """A matched title, and the rule that matched it."""

    title_id: str
    how: How


class TitleMatcher:
    """Finds titles of one catalogue by name, with a cache, since a history repeats the same titles."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._matches: dict[str, TitleMatch | None] = {}
        self._by_name: dict[str, list[tuple[str, str]]] = {}  # folded name → year or '', title id
        for title in catalog:
            name, year = _name_and_year(title.name)
            if name:
                self._by_name.setdefault(name, []).append((year, title.id))

    def find(self, text: str) -> TitleMatch | None:
        """Return the title that a text names; None if there is none or more than one."""
        if text not in self._matches:
            self._matches[text] = self._match(text)
        return self._matches[text]

    def _match(self, text: str) -> TitleMatch | None:
        if text in self._catalog:
            return TitleMatch(text, "id")
        if (title_id := self._named(text)) is not None:
            return TitleMatch(title_id, "name")
        for series in series_of(text):
            if (title_id := self._named(series)) is not None:
                return TitleMatch(title_id, "series")
        if (title_id := self._nearly(text)) is not None:
            return TitleMatch(title_id, "nearly")
        return None

    def _named(self, text: str) -> str | None:
        name, year = _name_and_year(text)
        candidates = self._by_name.get(name, [])
        exact = [title_id for other, title_id in candidates if other == year]
        fitting = exact or [title_id for other, title_id in candidates if not other or not year]
        return fitting[0] if len(fitting) == 1 else None

    def _nearly(self, text: str) -> str | None:
        name, _ = _name_and_year(text)
        near = {
            other
            for rest in _deletions(name)
            for other in self._by_deletion.get(rest, ())
            if _within_one_edit(name, other) and _DIGITS.findall(name) == _DIGITS.findall(other)
        }
        return self._named(_with_year(near.pop(), text)) if len(near) == 1 else None

    @cached_property
    def _by_deletion(self) -> dict[str, list[str]]:
        """Index names by their one-letter deletions: names within one edit share one (symmetric deletion).

        A lookup takes time by the length of a name; a scan of a large catalogue took 10 ms per name.
        """
        rests: dict[str, list[str]] = {}
        for name in self._by_name:
            if len(name) >= MIN_FUZZY_LENGTH:
                for rest in _deletions(name):
                    rests.setdefault(rest, []).append(name)
        return rests


def _name_and_year(text: str) -> tuple[str, str]:
    year = _YEAR.search(text)
    plain = text[: year.start()] if year else text
    behind = _ARTICLE_BEHIND.match(plain.strip())
    return folded(f"{behind[2]} {behind[1]}" if behind else plain), year[1] if year else ""


def _with_year(name: str, text: str) -> str:
    year = _YEAR.search(text)
    return f"{name} ({year[1]})" if year else name


def series_of(text: str) -> Iterator[str]:
    """Yield possible names of the series, the longest first."""
    parts = re.split(r"\s*[:：]\s+|\s+[–-]\s+", text)
    for end in range(len(parts) - 1, 0, -1):
        name, season = ": ".join(parts[:end]), folded(parts[end])
        own = len(parts) > end + 1 and season.startswith(f"{folded(name)} ")
        if own or _SEASON.match(season) or _SEASON_ASIAN.match(parts[end]):
            yield name


def _deletions(name: str) -> Iterable[str]:
    return {name, *(name[:n] + name[n + 1 :] for n in range(len(name)))}


def _within_one_edit(a: str, b: str) -> bool:
    """Return whether one inserted, deleted or replaced letter, or two swapped neighbours, turn `a` into `b`."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    rest_a, rest_b = a[start : len(a) - end], b[start : len(b) - end]
    return max(len(rest_a), len(rest_b)) <= 1 or (len(rest_a) == 2 and rest_a == rest_b[::-1])
