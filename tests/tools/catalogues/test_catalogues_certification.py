"""Age ratings of sources in the spelling that the catalogue knows."""

from __future__ import annotations

import pytest

from keyart.catalog import rating_of
from keyart_tools.catalogues.certification import maturity_of


@pytest.mark.parametrize(
    ("text", "country", "maturity"),
    [
        ("PG-13", "", "PG-13"),
        ("Rated PG-13 for violence, and language", "", "PG-13"),
        ("Rated R", "", "R"),
        ("US:R", "", "R"),
        ("USA:XX / Germany:16", "", "FSK 16"),
        ("FSK-12", "", "FSK 12"),
        ("DE-12", "", "FSK 12"),
        ("12", "DE", "FSK 12"),
        ("12A", "GB", "BBFC 12A"),
        ("NL-16", "", "16+"),
        ("TV-14", "", "TV-14"),
        ("tv-ma", "", "TV-MA"),
        ("12", "", "12+"),
        ("", "", ""),
        ("Not Rated", "", ""),
        ("NR", "US", ""),
        ("for grown-ups", "", None),
    ],
)
def test_spellings(text: str, country: str, maturity: str | None) -> None:
    found = maturity_of(text, country)
    assert found == maturity or (found and rating_of(found) == rating_of(maturity or ""))
