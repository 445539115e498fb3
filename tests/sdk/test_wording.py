"""Wording: every language says every sentence, with the same placeholders, and no technical word."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from support.catalogs import TV, sample_catalog

import keyart
from keyart.errors import SettingError
from keyart.model.wording import KINDS, LANGUAGES, LOCALE, MESSAGES, Wording

OTHERS = [language for language in LANGUAGES if language != "en"]
TECHNICAL = re.compile(
    r"\b(model|embs?|embedding|vector|feature|logit|candidate|policy|propensity|reward|artworks?|tags?|rank\w*|bundle|"
    r"Modell|Vektor|Merkmal\w*|modelo|vectores|modèle|vecteurs)\b|モデル|ベクトル",
    re.IGNORECASE,
)


def placeholders(text):
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def catalogue(language):
    """The entries of a .po file that was read by another library, by message id (a pair for plural forms)."""
    pofile = pytest.importorskip("babel.messages.pofile")
    with (LOCALE / language / "LC_MESSAGES" / "keyart.po").open("rb") as file:
        return {message.id: message for message in pofile.read_po(file) if message.id}


def test_the_languages_are_those_that_are_shipped():
    assert sorted(folder.name for folder in LOCALE.iterdir()) == OTHERS == ["de", "es", "fr", "ja"]
    assert len(set(MESSAGES.values())) == len(MESSAGES)


@pytest.mark.parametrize("language", OTHERS)
def test_each_language_has_each_message_with_the_same_placeholders(language):
    held = catalogue(language)
    assert set(held) == set(MESSAGES.values()) | set(KINDS.values())
    for text in MESSAGES.values():
        translated = held[text].string
        assert translated.strip() and translated != text and placeholders(translated) == placeholders(text), text
    for names in KINDS.values():
        assert all(held[names].string) and len(held[names].string) == (1 if language == "ja" else 2)
    assert not any(message.fuzzy for message in held.values())


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_file_is_that_of_the_source(language):
    """`make locale` makes it."""
    wording, held = Wording.of(language), catalogue(language)
    for name, text in MESSAGES.items():
        values = {key: f"<{key}>" for key in placeholders(text)}
        assert wording.say(name, **values) == held[text].string.format(**values)
    for kind, names in KINDS.items():
        forms = held[names].string
        assert (wording.kind(kind, "content"), wording.kind(kind, "title")) == (forms[0], forms[-1])


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_has_a_technical_word(language):
    wording = Wording.of(language)
    for name, text in MESSAGES.items():
        said = wording.say(name, **dict.fromkeys(placeholders(text), "…"))
        assert not TECHNICAL.search(said), said


def test_a_kind_without_a_name_is_not_spoken_of():
    """A catalogue may spell an embedding as tags: nobody reads that "its embs are closer"."""
    english = Wording.of("en")
    for message in ("history", "content", "title"):
        for direction in ("more", "less"):
            assert "emb" not in english.say_of_kind(message, direction, "emb")
    assert english.say_of_kind("title", "more", "genre") == "Its genres are closer to the title's."
    assert english.say_of_kind("history", "less", "cast") == "It shows fewer of the people that you watch."
    assert [english.tag(tag) for tag in ("emb:3", "emb:-0.2", "pose:standing", "faces", "genre:drama")] == [
        "pictures like it",
        "pictures like it",
        "standing",
        "faces",
        "drama",
    ]


@pytest.mark.parametrize(("language", "expected"), [("de-AT", "de"), ("DE", "de"), ("fr_CA", "fr"), ("en-GB", "en")])
def test_regions_speak_their_language(language, expected):
    assert Wording.of(language) is Wording.of(expected)


@pytest.mark.parametrize("language", ["xx", "", "../de", None, 7])
def test_a_language_that_is_not_there(language):
    with pytest.raises(SettingError, match="de, en, es, fr, ja"):
        Wording.of(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_decision_is_explained_in_it(language):
    with keyart.Personalizer.open("m", catalog=sample_catalog(), keys=keyart.EphemeralKey()) as art:
        art.consent.grant("personalization")
        art.preferences.like("genre:crime")
        art.preferences.dislike("palette:warm")
        for i in range(12):
            seen = art.choose(f"t{i % 4}", TV)
            art.observe(seen.id, keyart.Outcome.played(3000) if i % 2 else keyart.Outcome.skipped())
        decision = art.choose("t0", TV)
        here, english = art.explain(decision.id, language=language), art.explain(decision.id)
    assert [(f.name, f.contribution) for f in here.factors] == [(f.name, f.contribution) for f in english.factors]
    for factor, other in zip(here.factors, english.factors, strict=True):
        assert factor.text.endswith("。" if language == "ja" else ".") and "{" not in factor.text
        assert (factor.text == other.text) is (language == "en")
