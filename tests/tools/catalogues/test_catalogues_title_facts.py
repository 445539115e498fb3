"""Facts of a title as tags, and runtimes as seconds."""

from __future__ import annotations

import pytest

from keyart_tools.catalogues.title_facts import MAX_CAST, TitleFacts, seconds_of_runtime, year_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("104", 6240), ("104 min", 6240), ("104min", 6240), ("1h 44m", 6240), ("1 h", 3600), ("01:44:00", 6240),
        ("90,5", 5430), ("long", None), ("-3", None), ("999999", None), ("nan", None), ("", None),
    ],
)  # fmt: skip
def test_runtimes(text: str, seconds: float | None) -> None:
    assert seconds_of_runtime(text) == seconds


def test_year_of_a_date_and_of_no_date() -> None:
    assert (year_of("1995-12-31"), year_of("1995"), year_of("soon")) == (1995, 1995, 0)


def test_tags_name_only_the_first_of_a_cast_and_nothing_without_letters() -> None:
    facts = TitleFacts(cast=tuple(f"Actor {n}" for n in range(50)), directors=("!!!", "Ana Mér"), year=1995)

    tags = facts.tags()
    assert sum(tag.startswith("cast:") for tag in tags) == MAX_CAST
    assert {tag for tag in tags if not tag.startswith("cast:")} == {"director:ana-mer", "decade:1990s"}
