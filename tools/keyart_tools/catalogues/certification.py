"""Age ratings as sources spell them, and the spelling that `keyart.catalog.rating_of` knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from keyart.catalog import rating_of

UNRATED = frozenset({"", "none", "na", "n/a", "nr", "ur", "not rated", "unrated"})
SYSTEMS: Mapping[str, str] = MappingProxyType({"DE": "FSK", "GB": "BBFC"})  # whose ratings are bare numbers
COUNTRIES: Mapping[str, str] = MappingProxyType(
    {
        "us": "US", "usa": "US", "united states": "US", "united states of america": "US", "mpaa": "US",
        "de": "DE", "germany": "DE", "deutschland": "DE",
        "gb": "GB", "uk": "GB", "united kingdom": "GB", "great britain": "GB",
    }
)  # fmt: skip
_RATED = re.compile(r"(?:rated|rating)[\s:]+(.+?)(?:\s+(?:for|on appeal)\b.*)?", re.IGNORECASE | re.DOTALL)
_OF_COUNTRY = re.compile(r"([A-Za-z][A-Za-z ]{1,30}?)\s*[:\-]\s*(.+)", re.DOTALL)
_AGE = re.compile(r"(\d{1,2})\s*\+?")
_ALTERNATIVES = re.compile(r"\s*[/|,;]\s*")


def maturity_of(text: str, country: str = "") -> str | None:
    """Return the rating in a spelling that `keyart.catalog.rating_of` knows.

    Args:
        text: The rating as a source spells it: "Rated PG-13 for violence", "US:R / DE:12", "FSK-16", "12+".
        country: ISO 3166-1 code of the country that rated; "" if the text may name it.

    Returns:
        The rating; "" for a title that was not rated; None for a rating of a system that keyart does not know.
    """
    alternatives = [entry.strip() for entry in _ALTERNATIVES.split(text) if entry.strip()] or [""]
    for alternative in alternatives:
        for spelling in _spellings(alternative, country):
            if spelling and rating_of(spelling) is not None:
                return spelling
    return "" if all(entry.casefold() in UNRATED for entry in alternatives) else None


def _spellings(text: str, country: str) -> Iterator[str]:
    rated = _RATED.fullmatch(text)
    text = rated[1] if rated else text
    of_country = _OF_COUNTRY.fullmatch(text)
    if of_country and (code := COUNTRIES.get(of_country[1].strip().casefold())):
        yield from _spellings(of_country[2].strip(), code)
    if country in SYSTEMS:
        yield f"{SYSTEMS[country]} {text}"
    if age := _AGE.fullmatch(text):
        yield f"{age[1]}+"
    yield from dict.fromkeys((text, text.upper(), text.replace("-", " "), text.upper().replace("-", " ")))
    if of_country and len(of_country[1]) == 2 and (age := _AGE.fullmatch(of_country[2].strip())):
        yield f"{age[1]}+"  # a country whose ratings are ages, such as NL-12
