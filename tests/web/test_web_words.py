"""The sentences of the web SDK are those of the Python SDK, where they stand once."""

from __future__ import annotations

import runpy
from pathlib import Path

WEB = Path(__file__).parents[2] / "sdk/web"


def test_the_words_are_those_of_the_python_sdk() -> None:
    script = runpy.run_path(str(WEB / "make_words.py"))
    assert (WEB / "src/words.ts").read_text(encoding="utf-8") == script["text"](), "run make locale"
    assert (WEB / "src/intentWords.ts").read_text(encoding="utf-8") == script["intent_text"](), "run make locale"
