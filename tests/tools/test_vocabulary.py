"""One vocabulary: what worlds, texts, tagging and importers make is in it, and the page has it all."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyart.catalog import kind_of
from keyart.model import SENSITIVE_KINDS
from keyart_federated.worlds.movielens.film_artworks import LOOKS
from keyart_federated.worlds.movielens.films import _GENRES
from keyart_federated.worlds.synthetic_catalog import TAGS
from keyart_tools.demo.real_film import GENRES as FILM_GENRES
from keyart_tools.tagging.tags import LOOK_KINDS, PALETTE
from keyart_tools.text import LABELS
from keyart_tools.vocabulary import (
    ARTWORK_TYPES,
    GENRE_ALIASES,
    GENRES,
    KINDS,
    MOODS,
    THEMES,
    genres_of,
    slug_of,
    tag_of,
)

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "vocabulary.md"
MADE_UP = {"style"}  # of the synthetic world, whose styles have numbers for names


@pytest.mark.parametrize(
    "tags", [LOOKS, TAGS, LABELS, FILM_GENRES, PALETTE, [f"mood:{name}" for name in ("happy", "neutral", "intense")]]
)
def test_tags_of_every_package_are_in_the_vocabulary(tags: list[str]) -> None:
    for tag in tags:
        kind, _, value = tag.partition(":")
        if kind in MADE_UP:
            continue
        assert kind in KINDS, tag
        assert not KINDS[kind].values or value in KINDS[kind].values, tag


def test_genres_of_movielens_and_aliases_lead_into_the_vocabulary() -> None:
    assert set(_GENRES.values()) - {""} <= GENRES
    assert {genre for genres in GENRE_ALIASES.values() for genre in genres} <= GENRES
    assert not set(GENRE_ALIASES) & GENRES
    assert all(slug_of(name) == name for name in (*GENRE_ALIASES, *GENRES, *MOODS, *THEMES, *ARTWORK_TYPES))


def test_titles_and_pictures_share_what_tagging_gives_to_both() -> None:
    assert all(KINDS[kind].on_titles and KINDS[kind].on_artworks for kind in LOOK_KINDS)
    assert not set(KINDS) & SENSITIVE_KINDS


@pytest.mark.parametrize(
    ("names", "genres"),
    [
        (["Sci-Fi"], ["science-fiction"]),
        (["Science Fiction", "Sci-Fi & Fantasy"], ["science-fiction", "fantasy"]),
        (["Drama / Thriller", "drama"], ["drama", "thriller"]),
        (["Action & Adventure"], ["action", "adventure"]),
        (["Children's", "Film-Noir", "Music"], ["family", "film-noir", "musical"]),
        (["Liebesfilm", "アクション", "!!!", "x" * 500], ["liebesfilm", "アクション"]),
    ],
)
def test_genres_as_sources_spell_them(names: list[str], genres: list[str]) -> None:
    assert genres_of(names) == [f"genre:{genre}" for genre in genres]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Ana de la Mér", "ana-de-la-mer"), ("O'Neil & Sons", "oneil-and-sons"), ("がんばれ", "がんばれ"),
        ("한국 영화", "한국-영화"), ("हिन्दी फिल्म", "हिन्दी-फिल्म"), ("Ёлки", "елки"), ("…", ""),
    ],
)  # fmt: skip
def test_slugs_in_any_script(name: str, value: str) -> None:
    assert slug_of(name) == value
    assert tag_of("cast", name) == (f"cast:{value}" if value else None)


def test_page_has_every_kind_and_every_value() -> None:
    rows = {
        cells[1].strip().strip("`"): cells[4]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and len(cells := line.split("|")) == 6
    }
    assert set(rows) == set(KINDS)
    for kind, entry in KINDS.items():
        assert entry.values == frozenset(rows[kind].replace("`", "").replace(",", " ").split()) or not entry.values, (
            kind
        )
        assert kind_of(f"{kind}:x") == kind
