"""Intents: sentences of five languages and moods become tags that a catalogue has."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from support import catalogs

import keyart
from keyart.errors import ContextError
from keyart.intent import LANGUAGES, combine, concepts, from_mood, from_text
from keyart.intent.sentence import _words
from keyart_tools.vocabulary import KINDS

FUNNY_WITH_KIDS = {
    "en": "Something funny with the kids",
    "de": "Was Lustiges mit den Kindern",
    "fr": "Quelque chose de drôle avec les enfants",
    "es": "Algo divertido con los niños",
    "ja": "子供と一緒に笑えるもの",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("is_told", [True, False])
def test_the_same_wish_in_each_language(language: str, is_told: bool) -> None:
    found = from_text(FUNNY_WITH_KIDS[language], language=language if is_told else None)
    assert found["genre:comedy"] == found["genre:family"] == 1.0 and found["genre:horror"] == -1.0


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("nothing sad, but exciting", "genre:thriller", "mood:sad"),
        ("not too scary please", None, "genre:horror"),
        ("Ein Krimi ohne Gewalt", "genre:crime", "mood:dark"),
        ("nicht gruselig, es war spannend genug", "genre:thriller", "genre:horror"),
        ("pas d'horreur, plutôt une histoire d'amour", "genre:romance", "genre:horror"),
        ("nada triste, algo con música", "genre:musical", "mood:sad"),
        ("怖くない映画", None, "genre:horror"),
        ("a science-fiction film with robots", "genre:science-fiction", None),
        ("STAR WARS!", "genre:war", None),
        ("feel-good film", "mood:warm", None),
        ("a true story", "genre:biography", None),
    ],
)
def test_wishes_and_refusals(text: str, wanted: str | None, unwanted: str | None) -> None:
    found = from_text(text)
    assert wanted is None or found[wanted] > 0
    assert unwanted is None or found[unwanted] < 0


def test_a_refusal_takes_along_only_what_the_word_stands_for() -> None:
    assert from_text("nothing sad") == {"mood:sad": -1.0}


@pytest.mark.parametrize("text", ["", "   ", "qwertz", "es war einmal", "12 €", "the and of", "\ud800"])
def test_a_sentence_that_asks_for_nothing_known(text: str) -> None:
    assert from_text(text) == {}


def test_a_word_of_two_languages_is_read_in_the_one_that_is_spoken() -> None:
    """The word "war" is a verb in German; the small words around it tell."""
    assert from_text("Das war mit der Familie") == from_text("mit der Familie")
    assert "genre:war" in from_text("something about the war")


def test_no_text_breaks_it() -> None:
    rng = random.Random(3)
    letters = "aeinrst 'çñß子ない,.*\u0301\u202e\x00" + "".join(FUNNY_WITH_KIDS.values())
    for _ in range(500):
        found = from_text("".join(rng.choice(letters) for _ in range(rng.randrange(80))))
        assert all(-1 <= weight <= 1 for weight in found.values())
    assert from_text("funny " * 100_000) == from_text("funny")


@pytest.mark.parametrize("wrong", [None, 3, b"funny"])
def test_what_is_no_sentence(wrong: object) -> None:
    with pytest.raises(ContextError, match="made from a text"):
        from_text(wrong)  # type: ignore[arg-type]
    with pytest.raises(ContextError, match="en, de, fr"):
        from_text("funny", language="xx")


def test_moods() -> None:
    assert from_mood("funny") == {"genre:comedy": 1.0, "mood:happy": 0.7}
    assert from_mood("scary", -0.5) == {"genre:horror": -0.5}
    for name, strength in (("merry", 1.0), ("funny", 2.0), ("funny", float("nan"))):
        with pytest.raises(ContextError):
            from_mood(name, strength)


def test_combining() -> None:
    assert combine({"a": 0.5, "b": -1}, {"a": -0.5, "b": 0.9, "c": 7}) == {"a": -0.5, "b": -1, "c": 1.0}


def test_a_sentence_model_adds_what_the_words_miss() -> None:
    def model(text: str) -> dict[str, float]:
        assert text == "funny, with pirates"
        return {"genre:comedy": -1.0, "genre:adventure": 0.8}

    found = from_text("funny, with pirates", model=model)
    assert found == {"genre:comedy": 1.0, "mood:happy": 0.7, "genre:adventure": 0.4}


def test_the_tags_are_those_of_the_vocabulary_and_every_word_can_be_said() -> None:
    assert len({concept.name for concept in concepts()}) == len(concepts())
    for concept in concepts():
        assert max(concept.tags.values()) == 1.0
        for tag in concept.tags:
            kind, _, value = tag.partition(":")
            assert value in KINDS[kind].values, tag
        for language in LANGUAGES:
            for word in concept.words[language]:
                if language != "ja":
                    assert " ".join(_words(word)) == word.replace("*", ""), word
                said = from_text(word.replace("*", ""), language=language)
                assert concept.tags.items() <= said.items() or set(concept.tags) <= set(said), word


def test_it_moves_a_choice_and_is_kept_nowhere(tmp_path) -> None:
    keys = keyart.EphemeralKey()
    with keyart.Personalizer.open(tmp_path / "p.db", catalog=catalogs.sample_catalog(), keys=keys) as art:
        art.consent.grant("personalization")
        at = datetime(2026, 3, 2, 20, tzinfo=UTC)
        plain = art.preview("t0", keyart.Context(device="tv", at=at))
        wished = art.preview("t0", keyart.Context(device="tv", at=at, intent=from_text("something funny")))
        decision = art.choose("t0", keyart.Context(device="tv", at=at, intent=from_text("something funny")))
        art.observe(decision.id, keyart.Outcome.skipped())
        assert plain.keys() == wished.keys() and plain != wished
        assert "happy" not in str(art.export())
