"""Scenes by silences, and what a still is told of them."""

from __future__ import annotations

import random
from itertools import pairwise

from keyart_tools.text import SentenceEncoder, SpokenText, SubtitleLine, Subtitles, said_at, scenes
from keyart_tools.text.scenes import MAX_SCENE_SECONDS, SILENCE_SECONDS

CAST = {"Ana Oré": ["Captain Vale"], "Tom Ott": ["Rufus"]}
FILM = Subtitles(
    (
        SubtitleLine(2.0, 4.0, "Soldiers, to the front!"),
        SubtitleLine(5.0, 9.0, "The enemy's tanks are coming, Rufus."),
        SubtitleLine(40.0, 42.0, "My dear, will you marry me?"),
        SubtitleLine(41.0, 44.0, "I have loved you since we met."),
    )
)


def test_a_silence_parts_scenes() -> None:
    first, second = scenes(FILM, cast=CAST)

    assert (first.start, first.end, first.tags) == (2.0, 9.0, {"cast:tom-ott": 1.0})
    assert (second.start, second.end, second.tags) == (40.0, 44.0, {})
    assert second.text == "My dear, will you marry me? I have loved you since we met."


def test_a_still_knows_what_is_being_said() -> None:
    assert said_at(FILM, 0.0) == SpokenText("Soldiers, to the front!", {})
    assert said_at(FILM, 13.0, cast=CAST) == SpokenText("The enemy's tanks are coming, Rufus.", {"cast:tom-ott": 1.0})
    assert said_at(FILM, 13.5) is None
    assert said_at(FILM, 41.5) == SpokenText("My dear, will you marry me? I have loved you since we met.", {})
    assert said_at(FILM, 1e6) is None


def test_scenes_have_their_own_tags(sentences: SentenceEncoder) -> None:
    war, love = scenes(FILM, sentences)

    assert max(war.tags, key=war.tags.__getitem__) == "genre:war"
    assert "genre:romance" in love.tags and "genre:war" not in love.tags
    said = said_at(FILM, 43.0, sentences)
    assert said is not None and said.tags == love.tags


def test_every_line_is_in_one_scene_and_no_scene_is_long() -> None:
    rng = random.Random(3)
    lines, at = [], 0.0
    for number in range(3000):
        at += rng.choice((0.0, 0.5, 3.0, 12.0 if number % 50 == 0 else 3.0))
        lines.append(SubtitleLine(at, at + rng.uniform(0.5, 4.0), f"w{number}"))

    found = scenes(Subtitles(tuple(lines)))

    assert " ".join(scene.text for scene in found) == " ".join(line.text for line in lines)
    assert len(found) > 40
    assert all(scene.end - scene.start <= MAX_SCENE_SECONDS for scene in found)
    assert all(b.start - a.end >= SILENCE_SECONDS or b.end - a.start > MAX_SCENE_SECONDS for a, b in pairwise(found))


def test_who_goes_on_speaking_keeps_the_scene_together() -> None:
    lines = (
        SubtitleLine(0.0, 30.0, "La la la."),
        SubtitleLine(1.0, 2.0, "Hush!"),
        SubtitleLine(35.0, 36.0, "Bravo."),
    )

    assert len(scenes(Subtitles(lines))) == 1


def test_one_endless_line_is_a_scene() -> None:
    (scene,) = scenes(Subtitles((SubtitleLine(0.0, 10 * MAX_SCENE_SECONDS, "Hm."),)))

    assert scene.text == "Hm."
