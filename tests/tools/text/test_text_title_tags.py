"""A title's tags from its synopsis, reviews and cast list."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyart import Artwork, Title
from keyart.errors import InputError
from keyart.model.features.spec import SENSITIVE_KINDS
from keyart_tools.text import (
    LABELS,
    SentenceEncoder,
    read_reviews,
    read_synopsis,
    scores,
    tags_of,
    tags_of_reviews,
    title_tags,
)

GHOSTS = "A ghost haunts the old house, and whoever sleeps there is found dead."
SPACE = "A space ship from the future lands on an alien planet."
CAST = {"Ana Oré": ["Captain Vale"], "Tom Ott": ["Rufus"]}


def test_labels_are_of_three_kinds_and_none_is_sensitive() -> None:
    kinds = {tag.partition(":")[0] for tag in LABELS}

    assert kinds == {"genre", "mood", "theme"} and not kinds & SENSITIVE_KINDS
    assert len(set(LABELS.values())) == len(LABELS)


def test_scores_are_kept_and_weights_follow_from_them(sentences: SentenceEncoder) -> None:
    scored = scores(GHOSTS, sentences)

    assert list(scored) == list(LABELS)
    assert max(scored, key=lambda tag: scored[tag].cosine) == "genre:horror"
    assert all(-1 <= score.cosine <= 1 and 0 <= score.weight <= 1 for score in scored.values())
    kept = tags_of(GHOSTS, sentences)
    assert kept["genre:horror"] == scored["genre:horror"].weight
    for kind in ("genre", "mood", "theme"):
        of_kind = [weight for tag, weight in kept.items() if tag.startswith(f"{kind}:")]
        assert len(of_kind) <= 3 and min(of_kind, default=1.0) >= max(of_kind, default=0.0) / 2


def test_only_what_several_reviews_say_counts(sentences: SentenceEncoder) -> None:
    assert "genre:horror" not in tags_of_reviews([GHOSTS], sentences)
    agreed = tags_of_reviews([GHOSTS, GHOSTS, SPACE, "I saw it on Tuesday."], sentences)
    assert agreed["genre:horror"] == pytest.approx(tags_of(GHOSTS, sentences)["genre:horror"] / 2, abs=1e-3)
    assert "genre:science-fiction" not in agreed
    assert "genre:horror" not in tags_of_reviews([GHOSTS, GHOSTS, *["Well made."] * 7], sentences)
    assert tags_of_reviews([], sentences) == {}


def test_everything_at_once_is_a_title_s_tags(sentences: SentenceEncoder) -> None:
    tags = title_tags(f"{SPACE} Captain Vale steps out.", [GHOSTS, GHOSTS], CAST, sentences)

    assert tags["cast:ana-ore"] == 1.0 and tags["cast:tom-ott"] == 0.5
    assert tags["genre:science-fiction"] > 0 and tags["genre:horror"] > 0
    assert Title("t", tags=tags, artworks=[Artwork("t/a")]).tags == tags


def test_without_a_model_there_is_the_cast() -> None:
    assert title_tags(f"{GHOSTS} Rufus.", [GHOSTS, GHOSTS], CAST, None) == {"cast:ana-ore": 0.5, "cast:tom-ott": 1.0}
    assert title_tags(None, [], None, None) == {}


def test_nothing_is_said_by_an_empty_text(sentences: SentenceEncoder) -> None:
    assert scores(" \n ", sentences) == {} and title_tags("", ["", " "], None, sentences) == {}


def test_synopsis_is_a_text_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "about it.txt"
    path.write_text(f"\ufeff{GHOSTS}\n\n", "utf-8")

    assert read_synopsis(str(path)) == GHOSTS
    assert read_synopsis(GHOSTS) == GHOSTS
    assert read_synopsis(f"{GHOSTS}\nAnd more.") == f"{GHOSTS}\nAnd more."
    assert read_synopsis(GHOSTS * 200) == GHOSTS * 200
    with pytest.raises(InputError, match=r"No synopsis at nowhere\.txt"):
        read_synopsis("nowhere.txt")
    path.write_text(" ")
    with pytest.raises(InputError, match="holds no text"):
        read_synopsis(str(path))
    with pytest.raises(InputError, match="holds no text"):
        read_synopsis("")


@pytest.mark.parametrize(
    ("content", "reviews"),
    [
        ("Good.\nVery.\n\nBad.\n", ("Good.\nVery.", "Bad.")),
        ("Good. \r\n\r\nBad.\r\n\r\n\r\nNone.", ("Good.", "Bad.", "None.")),
        ("Good.\nBad.\n", ("Good.", "Bad.")),
        ('["Good.", " ", "Bad."]', ("Good.", "Bad.")),
    ],
)
def test_reviews_are_paragraphs_or_lines_or_a_list(tmp_path: Path, content: str, reviews: tuple[str, ...]) -> None:
    path = tmp_path / "reviews"
    path.write_bytes(content.encode())

    assert read_reviews(path) == reviews


def test_a_broken_list_of_reviews_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "reviews"
    for content, says in (
        ("[", "not JSON"),
        ("[3]", "each must be a text"),
        ('["\\udc00"]', "each must be a text"),
        ("", "holds no text"),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=says):
            read_reviews(path)
