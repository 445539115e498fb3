"""Age ratings: what is a rating and how it may be spelt, the order of each system, and the table in the docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keyart import Artwork, Context
from keyart.catalog import SYSTEMS, Rating, check_rating, rating_of
from keyart.errors import CatalogError, ContextError, SettingError

PAGE = Path(__file__).parents[2] / "docs/reference/catalogue.md"
ROW = re.compile(r"^\| ([A-Z][\w ]+) \| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("place", range(len(SYSTEMS)), ids=[system.name for system in SYSTEMS])
def test_each_system_has_an_order_of_its_own(place):
    system = SYSTEMS[place]
    ranks = [[rating_of(system.spelled(name)) for name in names] for names, _ in system.steps]
    assert [same[0].rank for same in ranks] == list(range(len(ranks)))
    for same, (_, age) in zip(ranks, system.steps, strict=True):
        assert len(set(same)) == 1 and same[0].age == age  # 12A and 12 have one standard
    assert len({rating.system for same in ranks for rating in same}) == 1


def test_systems_are_told_apart():
    assert rating_of("PG") == rating_of("MPA PG") != rating_of("BBFC PG")
    assert rating_of("12") == rating_of("12+") == Rating(1, 12, 12) != rating_of("FSK 12")
    assert len({rating_of(name).system for name in ("12", "FSK 12", "PEGI 12", "BBFC 12", "PG-13", "TV-14")}) == 6
    assert rating_of("all") == rating_of("0") == rating_of("ALL") == Rating(1, 0, 0)


@pytest.mark.parametrize(
    ("spelt", "same"),
    [
        (("FSK12", "FSK-12", "fsk 12", " Fsk  12 "), "FSK 12"),
        (("pg13", "PG 13", "Pg-13", "mpa pg-13"), "PG-13"),
        (("tvma", "TV MA", "tv-ma"), "TV-MA"),
        (("TV-Y7FV", "tv y7 fv"), "TV-Y7-FV"),
        (("bbfcpg", "BBFC-PG"), "BBFC PG"),
        (("u", "BBFC U"), "U"),
        (("12a", "BBFC 12A", "BBFC 12"), "12A"),
        (("013", "13", " 13+ "), "13+"),
    ],
)
def test_case_spaces_and_hyphens_do_not_count(spelt, same):
    assert {rating_of(name) for name in spelt} == {rating_of(same)} != {None}


@pytest.mark.parametrize(
    "unknown",
    ["X", "adult", "FSK 13", "FSK", "TV", "TV-15", "PEGI 6", "NR", "-3", "+", "١٢", "1 2", "12++", "9" * 5000],
)
def test_what_no_system_has_is_refused_by_name(unknown):
    assert rating_of(unknown) is None
    for attempt, error in (
        (lambda: Artwork("a", maturity=unknown), CatalogError),
        (lambda: Artwork("a", maturity=None), CatalogError),
        (lambda: Context("tv", None, max_maturity=unknown), ContextError),
        (lambda: check_rating(unknown, "max_maturity", SettingError), SettingError),
    ):
        with pytest.raises(error) as caught:
            attempt()
    assert str(caught.value).startswith(f"max_maturity is {unknown!r}"[:60])
    assert "Write '13+', 'all' or MPA G, PG, PG-13, R, NC-17; TV-Y, Y7," in str(caught.value)
    assert "; FSK 0, 6, 12, 16, 18; BBFC U, PG, 12A, 12, 15, 18, R18; PEGI 3, 7, 12, 16, 18." in str(caught.value)


def test_the_docs_have_the_table():
    """Every system, every rating in its order, and every age, as they are in the code."""
    table = {
        system.name: "; ".join(
            f"{' = '.join(f'`{system.spelled(name)}`' for name in names)} {age}" for names, age in system.steps
        )
        for system in SYSTEMS
    }
    found = dict(row for row in ROW.findall(PAGE.read_text(encoding="utf-8")) if row[0] in table)
    assert found == table
