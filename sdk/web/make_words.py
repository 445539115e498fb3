"""Write `src/words.ts` and `src/intentWords.ts` from the Python SDK, where sentences and words stand once."""

from __future__ import annotations

import json
from pathlib import Path

import keyart.intent
from keyart.model.wording import KINDS, LANGUAGES, MESSAGES, Wording
from keyart.profile.consent import CONSENT_TEXTS

HEAD = """\
/**
 * The sentences of explanations, by language, and what a viewer is asked. Written by `make locale` from the Python
 * SDK: change them there.
 */

"""

INTENT_HEAD = """\
/** The words of intents, by language. Written by `make locale` from the Python SDK: change them there. */

/** Small words of a language: those by which it is recognised, and those that negate. */
export interface Language {
  readonly common: readonly string[];
  readonly not: readonly string[];
}

/** Something that a viewer may ask for: weights of tags, and folded words by language; a star is any ending. */
export interface Concept {
  readonly tags: Readonly<Record<string, number>>;
  readonly words: Readonly<Record<string, readonly string[]>>;
}
"""


def text() -> str:
    """Return the source of `words.ts`."""
    words = {}
    for language in LANGUAGES:
        wording = Wording.of(language)
        # What is in braces is filled in by the client: each placeholder is replaced by itself here.
        spoken = {key: wording.say(key, **_placeholders(message)) for key, message in MESSAGES.items()}
        kinds = {kind: [wording.kind(kind, "content"), wording.kind(kind, "")] for kind in KINDS}
        words[language] = {"messages": spoken, "kinds": kinds}
    parts = {
        "WORDS: Readonly<Record<string, Words>>": words,
        "CONSENT_TEXTS: Readonly<Record<string, string>>": dict(CONSENT_TEXTS),
    }
    shape = """\
/** The words of one language: messages, and the names of kinds, one and several. */
export interface Words {
  readonly messages: Readonly<Record<string, string>>;
  readonly kinds: Readonly<Record<string, readonly string[]>>;
}
"""
    values = [
        f"export const {name} = {json.dumps(value, ensure_ascii=False, indent=1)};\n" for name, value in parts.items()
    ]
    return "\n".join([HEAD + shape, *values])


def intent_text() -> str:
    """Return the source of `intentWords.ts`."""
    found = json.loads((Path(keyart.intent.__file__).parent / "words.json").read_text(encoding="utf-8"))
    concepts = {name: {"tags": entry.pop("tags"), "words": entry} for name, entry in found["concepts"].items()}
    parts = {
        "LANGUAGES: Readonly<Record<string, Language>>": found["languages"],
        "CONCEPTS: Readonly<Record<string, Concept>>": concepts,
    }
    values = [f"export const {name} = {json.dumps(value, ensure_ascii=False)};\n" for name, value in parts.items()]
    return "\n".join([INTENT_HEAD, *values])


def _placeholders(message: str) -> dict[str, str]:
    names = {part.split("}")[0] for part in message.split("{")[1:]}
    return {name: f"{{{name}}}" for name in names}


if __name__ == "__main__":
    source = Path(__file__).parent / "src"
    (source / "words.ts").write_text(text(), encoding="utf-8")
    (source / "intentWords.ts").write_text(intent_text(), encoding="utf-8")
