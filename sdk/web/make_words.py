"""Write `src/words.ts`: the sentences of explanations and consents, from the Python SDK, where they stand once."""

from __future__ import annotations

import json
from pathlib import Path

from keyart.model.wording import KINDS, LANGUAGES, MESSAGES, Wording
from keyart.profile.consent import CONSENT_TEXTS

HEAD = """\
/**
 * The sentences of explanations, by language, and what a viewer is asked. Written by `make locale` from the Python
 * SDK: change them there.
 */

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


def _placeholders(message: str) -> dict[str, str]:
    names = {part.split("}")[0] for part in message.split("{")[1:]}
    return {name: f"{{{name}}}" for name in names}


if __name__ == "__main__":
    (Path(__file__).parent / "src/words.ts").write_text(text(), encoding="utf-8")
