"""Folding of names for comparison: case, accents, punctuation and repeated spaces are removed."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "&": " and "}
)
_APOSTROPHES = re.compile(r"['’‘ʼ`´]")
_BETWEEN_WORDS = re.compile(r"[\W_]+")


def folded(text: str) -> str:
    """Return `"amelies cafe 2 and co"` for `"Amélie's Café (2) & Co."`; "" for a text without letters and digits."""
    if text.isascii():
        plain = text.casefold().replace("&", " and ")
    else:
        whole = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text).casefold())
        plain = "".join(c for c in whole if not unicodedata.combining(c)).translate(_LETTERS)
    return _BETWEEN_WORDS.sub(" ", _APOSTROPHES.sub("", plain)).strip()


def slug(name: str) -> str:
    """Return `"ana-de-la-mer"` for `"Ana de la Mér"`, as the value of a tag."""
    return folded(name).replace(" ", "-")
