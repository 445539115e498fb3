"""Folding of names for comparison: case, accents, punctuation and repeated spaces are removed."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "&": " and "}
)
_APOSTROPHES = re.compile(r"['’‘ʼ`´]")
_BETWEEN_WORDS = re.compile(r"[\W_]+")
# Combining classes of letters, and of marks that make another letter and no accent: nukta, kana voicing, virama.
_KEPT = frozenset({0, 7, 8, 9})


def folded(text: str) -> str:
    """Return `"amelies cafe 2 and co"` for `"Amélie's Café (2) & Co."`; "" for a text without letters and digits."""
    if text.isascii():
        plain = text.casefold().replace("&", " and ")
        return _BETWEEN_WORDS.sub(" ", _APOSTROPHES.sub("", plain)).strip()
    whole = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text).casefold())
    plain = "".join(c for c in whole if unicodedata.combining(c) in _KEPT).translate(_LETTERS)
    letters = (c if c.isalnum() or unicodedata.category(c) in ("Mn", "Mc") else " " for c in plain)
    return unicodedata.normalize("NFC", " ".join("".join(letters).split()))


def slug(name: str) -> str:
    """Return `"ana-de-la-mer"` for `"Ana de la Mér"`, as the value of a tag."""
    return folded(name).replace(" ", "-")
