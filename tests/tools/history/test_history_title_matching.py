"""Which title of a catalogue a name means; rather none than a wrong one."""

from __future__ import annotations

import random

import pytest

from keyart import Artwork, Catalog, Title
from keyart_tools.history import TitleMatch, TitleMatcher
from keyart_tools.history.title_matching import series_of


def names_of(**titles: str) -> TitleMatcher:
    return TitleMatcher(
        Catalog.from_titles(Title(id, name=name, artworks=[Artwork(f"{id}/a")]) for id, name in titles.items())
    )


NAMES = names_of(
    ferry="Night Ferry", ferry2="Night Ferry 2", cafe="Déjà Vu Café", sea="Sea, The (1999)", alien="Alien",
    old="Harbour (1970)", new="Harbour (2020)", glass="Glass Kingdom", grass="Grass Kingdom", twin="Twins",
    twins="Twins", long="Copperfield Lane: Stories", nameless="", short="Iris", brief="Sundown", eight="Sundowns",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("ferry", TitleMatch("ferry", "id")),
        ("Night Ferry", TitleMatch("ferry", "name")),
        ("  NIGHT  ferry! ", TitleMatch("ferry", "name")),
        ("Deja vu cafe", TitleMatch("cafe", "name")),
        ("The Sea", TitleMatch("sea", "name")),
        ("The Sea (1999)", TitleMatch("sea", "name")),
        ("The Sea (2001)", None),
        ("Night Ferry (2001)", TitleMatch("ferry", "name")),
        ("Harbour (2020)", TitleMatch("new", "name")),
        ("Harbour", None),
        ("Twins", None),
        ("Night Ferry: Season 2: The Fog", TitleMatch("ferry", "series")),
        ("Night Ferry: Staffel 2: Nebel", TitleMatch("ferry", "series")),
        ("Night Ferry: Temporada 1: Niebla", TitleMatch("ferry", "series")),
        ("Night Ferry: Limited Series: The Fog", TitleMatch("ferry", "series")),
        ("Night Ferry: Part 1", TitleMatch("ferry", "series")),
        ("Night Ferry: Night Ferry 3: The Fog: Again", TitleMatch("ferry", "series")),
        ("Night Ferry - Season 1 - The Fog", TitleMatch("ferry", "series")),
        ("Night Ferry：シーズン1：霧", None),  # no space after the colon
        ("Copperfield Lane: Stories: Season 1: One", TitleMatch("long", "series")),
        ("Alien: Resort", None),
        ("Alien: Season's Greetings", None),
        ("Alien: Chapter and Verse", None),
        ("Nihgt Ferry", TitleMatch("ferry", "nearly")),
        ("Night Ferry 3", None),
        ("Night Fery 2", TitleMatch("ferry2", "nearly")),
        ("Nightferry", TitleMatch("ferry", "nearly")),
        ("Night Ferries", None),
        ("Glas Kingdom", TitleMatch("glass", "nearly")),
        ("Grss Kingdom", TitleMatch("grass", "nearly")),
        ("Glrss Kingdom", TitleMatch("glass", "nearly")),
        ("Glrss Kingdoms", None),
        ("Irid", None),
        ("Sundoun", None),
        ("Sundwns", TitleMatch("eight", "nearly")),
        ("", None),
        ("!!", None),
    ],
)  # fmt: skip
def test_names(text: str, match: TitleMatch | None) -> None:
    assert NAMES.find(text) == match


def test_two_that_are_as_near_are_none() -> None:
    assert names_of(a="Glass Kingdom", b="Grass Kingdom").find("Gass Kingdom") is None


def test_near_is_one_letter() -> None:
    """Against the definition, by trying every single change."""
    rng = random.Random(5)
    name = "harbour lights"
    there = names_of(x=name)
    letters = "abehilorstu "

    def once(text: str) -> set[str]:
        changed = {text[:n] + text[n + 1 :] for n in range(len(text))}
        changed |= {text[:n] + c + text[n:] for n in range(len(text) + 1) for c in letters}
        changed |= {text[:n] + c + text[n + 1 :] for n in range(len(text)) for c in letters}
        return changed | {text[:n] + text[n + 1] + text[n] + text[n + 2 :] for n in range(len(text) - 1)}

    near = {text for text in once(name) if text == " ".join(text.split())}
    assert all(there.find(text) is not None for text in near)
    twice = {text for start in rng.sample(sorted(near), 40) for text in once(start)}
    for text in twice:
        assert (there.find(text) is not None) == (" ".join(text.split()) in near | {name}), text


def test_a_series_has_the_longest_name_first() -> None:
    assert list(series_of("A: Part 1: B: Season 2: C")) == ["A: Part 1: B", "A"]
    assert list(series_of("A: B")) == []
