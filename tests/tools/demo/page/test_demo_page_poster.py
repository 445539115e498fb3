"""Posters: whole XML whatever the name, the same on every machine, different where the tags differ."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import combinations
from xml.etree import ElementTree

import pytest

from keyart_tools.demo.page.lettering import BLOCK, BOOK, NEON, PLAIN, STYLES, lettering, style_for
from keyart_tools.demo.page.palette import BY_GENRE, PALETTES, luminance
from keyart_tools.demo.page.poster import SCENES, SHOTS, motif_of, portrait, poster, spoken_name

HOSTILE = [
    "", "   ", "<script>alert(1)</script>", "Tom & \"Jerry\" > 'all' <", "]]><!--", "Amélie",
    "千と千尋の神隠し",
    "🎬 Night 🌙", "مدينة", "\x00\x07 control \ud800", "W" * 200,
    "so many words " * 15, "%23 #1 100 %", "ß" * 30,
]  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def tags(genre: str, shot: str, warmth: str = "warm", **more: float) -> dict[str, float]:
    return {f"genre:{genre}": 1.0, f"shot:{shot}": 1.0, f"palette:{warmth}": 1.0, **more}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("shot", SHOTS)
def test_a_hostile_name_leaves_whole_xml(name: str, shot: str) -> None:
    for genre in SCENES:
        drawing = poster(name, {}, tags(genre, shot, **{"cast:a<b>&'c": 1.0, "mood:intense": 1.0}), f"{name}/x")
        root = ElementTree.fromstring(drawing.encode())
        assert root.get("aria-label")
        assert not list(root.iter(f"{SVG}script"))


@pytest.mark.parametrize("name", ["The Long Tide", HOSTILE[2], "W" * 200])
@pytest.mark.parametrize("shot", SHOTS)
def test_an_upright_poster_is_whole_and_its_name_stays_inside(name: str, shot: str) -> None:
    for genre in SCENES:
        drawing = portrait(name, {}, tags(genre, shot, **{"mood:intense": 1.0}), f"{genre}/x")
        root = ElementTree.fromstring(drawing.encode())
        left, top, width, height = map(float, root.get("viewBox", "").split())
        assert (top, width, height) == (0, 120, 180) and 0 <= left <= 200
        ids = re.findall(r" id='([^']+)'", drawing)
        assert len(ids) == len(set(ids)) and set(re.findall(r"(?:url\(#|href='#)([^')]+)", drawing)) <= set(ids)
        for text in root.iter(f"{SVG}text"):
            assert left <= float(text.get("x", "")) <= left + width


def test_every_genre_draws_in_every_shot_and_stays_small() -> None:
    sizes = []
    for genre in SCENES:
        for shot in SHOTS:
            for seed in range(4):
                drawing = poster("A Quiet Street in October", {}, tags(genre, shot, faces=0.4), f"{genre}/{seed}")
                ids = re.findall(r" id='([^']+)'", drawing)
                assert len(ids) == len(set(ids)) and len({i[:9] for i in ids}) == 1
                assert set(re.findall(r"(?:url\(#|href='#)([^')]+)", drawing)) <= set(ids)
                sizes.append(len(drawing))
    assert max(sizes) < 8_500
    assert sum(sizes) / len(sizes) < 6_000


def test_the_same_artwork_looks_the_same_whatever_the_hash_seed() -> None:
    code = (
        "from keyart_tools.demo.page.poster import poster;"
        "tags = {'genre:science-fiction': 1, 'genre:war': 1, 'cast:b': 1, 'cast:a': 1};"
        "print(poster('Orbit', {'genre:drama': 1}, tags, 'x'))"
    )
    drawn = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(drawn) == 1


def test_every_tag_that_is_known_shows() -> None:
    plain = tags("drama", "close-up")
    variants = [
        plain,
        tags("drama", "close-up", "cool"),
        tags("drama", "wide"),
        tags("drama", "ensemble"),
        tags("western", "close-up"),
        {**plain, "mood:intense": 1.0},
        {**plain, "mood:thoughtful": 1.0},
        {**plain, "cast:robin-w": 1.0},
    ]
    drawn = [poster("Orbit", {}, variant, "same id") for variant in variants]
    assert all(one != other for one, other in combinations(drawn, 2))
    assert "ROBIN W" in drawn[-1]
    assert poster("Orbit", {}, plain, "another id") != drawn[0]


def test_unknown_tags_are_passed_over() -> None:
    known = tags("comedy", "ensemble")
    odd = {
        "style:neon": 1.0,
        "genre:polka": 9.0,
        "shot:drone": 9.0,
        "palette:": 2.0,
        "mood:odd": 1.0,
        "nothing": 0.0,
    }
    assert poster("Orbit", {}, {**odd, **known}, "x") == poster("Orbit", {}, known, "x")
    assert ElementTree.fromstring(poster("Orbit", {}, {}, "")).tag == f"{SVG}svg"


def test_the_title_fills_in_where_the_artwork_has_no_genre() -> None:
    title = {"genre:romance": 0.3, "genre:horror": 0.7}
    assert motif_of(title, {"shot:close-up": 1.0}).genre == "horror"
    assert motif_of(title, {"genre:romance": 0.1}).genre == "romance"


def test_cast_slugs_are_spoken_as_names() -> None:
    assert spoken_name("robin-w") == "Robin W"
    assert spoken_name("Robin McW") == "Robin McW"


@pytest.mark.parametrize("style", sorted({s for options in STYLES.values() for s in options} | {PLAIN}, key=repr))
@pytest.mark.parametrize("anchor", ["start", "middle", "end"])
def test_letters_stay_within_their_area(style, anchor: str) -> None:
    area = (16.0, 20.0, 156.0, 150.0)
    for name in HOSTILE:
        chosen = style if style_for("drama", name, 0) is not PLAIN else PLAIN
        drawn, top, bottom = lettering(name, chosen, ("#fff", "#f00"), area, anchor=anchor, tallest=26, uid="t")
        assert area[1] - 0.1 <= top <= bottom <= area[3] + 0.1
        for x, width in re.findall(r"<text x='([\d.-]+)'.*?textLength='([\d.]+)'", drawn):
            assert float(x) >= area[0] - 0.1 and float(x) + float(width) <= area[2] + 0.2
        for data in re.findall(r"<path d='M([\d.-]+) ", drawn):
            assert area[0] - 1 <= float(data) <= area[2] + 1


def test_a_name_with_letters_that_are_not_drawn_is_set_in_a_font() -> None:
    assert style_for("action", "Iron Gate", 0.0) is BLOCK
    assert style_for("action", "Железо", 0.0) is PLAIN
    assert style_for("history", "Amélie", 0.0) is BOOK
    drawn, _, _ = lettering("Orbit", NEON, ("#fff", "#f00"), (0, 0, 99, 99), anchor="start", tallest=9, uid="t")
    assert "<text" not in drawn


def test_letters_stand_out_on_every_palette() -> None:
    assert set(BY_GENRE) == set(SCENES)
    for name, palette in PALETTES.items():
        for ground in (palette.zenith, palette.ink):
            light, dark = sorted((luminance(palette.letters(ground)), luminance(ground)), reverse=True)
            # WCAG's floor for large text.
            assert (light + 0.05) / (dark + 0.05) >= 3.0, (name, ground)
