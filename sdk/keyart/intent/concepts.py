"""The words that a viewer may use for what they want, by concept and language: `words.json`, which ports read too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

LANGUAGES: Final = ("en", "de", "fr", "es", "ja")


@dataclass(frozen=True, slots=True)
class Concept:
    """Something that a viewer may ask for.

    Attributes:
        name: Its name, in English.
        tags: Weights of the tags that it stands for; a negative one is unwanted.
        words: Folded words and phrases by language. A star at the end stands for any ending.
    """

    name: str
    tags: Mapping[str, float]
    words: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LanguageWords:
    """Small words of a language.

    Attributes:
        common: Words by which the language is recognised.
        negations: Words that turn what follows into its opposite; in Japanese, what precedes.
    """

    common: frozenset[str]
    negations: frozenset[str]


@cache
def _file() -> Any:
    return json.loads(Path(__file__).with_name("words.json").read_text(encoding="utf-8"))


@cache
def concepts() -> tuple[Concept, ...]:
    """Return the concepts, in the order of the file."""
    return tuple(
        Concept(
            name,
            MappingProxyType(entry["tags"]),
            MappingProxyType({language: tuple(entry[language]) for language in LANGUAGES}),
        )
        for name, entry in _file()["concepts"].items()
    )


@cache
def language_words() -> Mapping[str, LanguageWords]:
    """Return the small words of each language."""
    return {
        language: LanguageWords(frozenset(entry["common"]), frozenset(entry["not"]))
        for language, entry in _file()["languages"].items()
    }
