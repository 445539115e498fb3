"""From a sentence or a mood to weighted tags. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from ..errors import ContextError
from .concepts import LANGUAGES, Concept, concepts, language_words

MAX_CHARACTERS: Final = 1_000  # of a sentence; the rest is not read
MAX_WEIGHT: Final = 1.0
NEGATION_REACH: Final = 3  # words between a negation and what it turns round
SHARE_OF_THE_MODEL: Final = 0.5  # weight of a sentence model beside the list of words

Intent = dict[str, float]
SentenceModel = Callable[[str], Mapping[str, float]]

_ELISION: Final = re.compile(r"\b(\w|qu)['’‘ʼ](?=\w)")  # d'horreur is two words, don't is one
_APOSTROPHES: Final = re.compile(r"['’‘`´]")
_BETWEEN: Final = re.compile(r"[\W_]+")
# A conjunction or a comma ends the reach of a negation: "nothing sad but something exciting".
_CLAUSE: Final = re.compile(r"[,;.!?、。]|\b(?:but|aber|sondern|mais|pero|sino)\b|でも|けど")


def from_text(text: str, *, language: str | None = None, model: SentenceModel | None = None) -> Intent:
    """Return what a sentence asks for, such as `{"genre:comedy": 1.0, …}`; empty if it names nothing known.

    Args:
        text: What the viewer typed or said.
        language: "en", "de", "fr", "es" or "ja". None takes the language that its small words speak for, or all.
        model: A sentence model that returns weights of tags, such as `keyart_tools.text.tags_of` with its encoder.
            It adds what the words miss; what they say outright counts for more.

    Returns:
        Weights in −1…1 by tag, for `Context.intent`. A negative one is unwanted.

    Raises:
        ContextError: The text is no text, or the language is not known.
    """
    if not isinstance(text, str):
        raise ContextError(f"An intent is made from a text, not from {type(text).__name__}.")
    if language is not None and language not in LANGUAGES:
        raise ContextError(f"Intents are understood in {', '.join(LANGUAGES)}, not in {language!r}.")
    text = text[:MAX_CHARACTERS]
    found = [
        _signed(concept.tags, sign) for clause in _CLAUSE.split(text.casefold())
        for concept, sign in _named(clause, (language,) if language else spoken(text))
    ]  # fmt: skip
    said = combine(*found)
    if model is None:
        return said
    guessed = {tag: SHARE_OF_THE_MODEL * weight for tag, weight in model(text).items() if tag not in said}
    return {**said, **combine(guessed)}


def from_mood(name: str, strength: float = 1.0) -> Intent:
    """Return what a mood or a gesture of the app asks for, by the name of a concept such as "funny" or "warm".

    Raises:
        ContextError: There is no such concept, or the strength is not in −1…1.
    """
    wanted = next((concept for concept in concepts() if concept.name == name), None)
    if wanted is None:
        raise ContextError(f"There is no mood {name!r}; use {', '.join(concept.name for concept in concepts())}.")
    if not -1 <= strength <= 1:
        raise ContextError(f"The strength of a mood is {strength}; it must be in −1…1.")
    return _signed(wanted.tags, strength)


def combine(*intents: Mapping[str, float]) -> Intent:
    """Return several intents as one. The stronger of two weights of a tag holds; of equal ones, the refusal does."""
    weights: Intent = {}
    for intent in intents:
        for tag, weight in intent.items():
            bounded = min(max(weight, -MAX_WEIGHT), MAX_WEIGHT)
            known = weights.get(tag)
            if known is None or abs(bounded) > abs(known) or (abs(bounded) == abs(known) and bounded < 0):
                weights[tag] = bounded
    return weights


def spoken(text: str) -> tuple[str, ...]:
    """Return the languages that a text may be in: the best by its small words, or all if they say nothing."""
    if _has_japanese(text):
        return ("ja",)
    words = set(_words(text))
    hits = {
        language: len(words & (known.common | known.negations))
        for language, known in language_words().items() if language != "ja"
    }  # fmt: skip
    best = max(hits.values())
    return tuple(language for language, count in hits.items() if count == best)


def _named(clause: str, languages: Sequence[str]) -> Iterator[tuple[Concept, float]]:
    """Yield each concept that a clause names, with −1 if it is refused."""
    words = _words(clause)
    for language in languages:
        if language == "ja":
            yield from _named_in_japanese(clause)
            continue
        negations = language_words()[language].negations
        for concept in concepts():
            places = [at for at in range(len(words)) if _stands_at(words, at, concept.words[language])]
            if places:
                refused = all(negations & set(words[max(0, at - NEGATION_REACH) : at]) for at in places)
                yield concept, -1.0 if refused else 1.0


def _named_in_japanese(clause: str) -> Iterator[tuple[Concept, float]]:
    # Japanese has no spaces, and a negation follows: 怖くない, 暴力なし.
    text = unicodedata.normalize("NFKC", clause).casefold()
    negations = language_words()["ja"].negations
    for concept in concepts():
        ends = [text.find(word) + len(word) for word in concept.words["ja"] if word in text]
        if ends:
            following = text[max(ends) : max(ends) + 6]
            yield concept, -1.0 if any(negation in following for negation in negations) else 1.0


def _stands_at(words: Sequence[str], at: int, phrases: Sequence[str]) -> bool:
    for phrase in phrases:
        parts = _parts(phrase)
        if len(parts) <= len(words) - at and all(
            word.startswith(part[:-1]) if part.endswith("*") else word == part
            for word, part in zip(words[at:], parts, strict=False)
        ):
            return True
    return False


@cache
def _parts(phrase: str) -> tuple[str, ...]:
    return tuple(phrase.split())


def _words(text: str) -> list[str]:
    """Return the folded words of a text: lower case, no accents, no punctuation."""
    whole = _APOSTROPHES.sub("", _ELISION.sub(r"\1 ", text))
    plain = unicodedata.normalize("NFKD", whole.casefold())
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _BETWEEN.sub(" ", letters).split()


def _has_japanese(text: str) -> bool:
    return any("\u3040" <= letter <= "\u30ff" or "\u4e00" <= letter <= "\u9fff" for letter in text)


def _signed(tags: Mapping[str, float], sign: float) -> Intent:
    """Return the tags of a concept. One that is refused loses what it mainly stands for, and not what comes along."""
    return {tag: sign * weight for tag, weight in tags.items() if sign >= 0 or weight >= MAX_WEIGHT}
