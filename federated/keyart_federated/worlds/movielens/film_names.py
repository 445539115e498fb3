"""Film names as keys: the same film is "Matrix, The" in one source and "The Matrix" in the other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_ARTICLES = "the|a|an|le|la|les|l|un|une|il|lo|gli|el|los|las|das|der|die|den|det|o|os"
_MOVED = re.compile(rf"^(?P<name>.+), (?P<article>{_ARTICLES}|l')$", re.IGNORECASE)
_LEADING = re.compile(rf"^(?:{_ARTICLES}) (?=\w)")
_PARENTHESES = re.compile(r"\s*\(([^()]*)\)")


def film_name(listed: str) -> str:
    """Return the name as people say it: "Horseman on the Roof, The (Hussard …)" is "The Horseman on the Roof"."""
    return _in_order(_PARENTHESES.sub("", listed).strip())


def name_keys(listed: str) -> Iterator[str]:
    """Yield keys of the name and of each name in parentheses, the likeliest first; no key is empty."""
    main = _PARENTHESES.sub("", listed).strip()
    others = [other for other in _PARENTHESES.findall(listed) if not other.isdigit()]
    for name in (main, *others):
        key = name_key(_in_order(name.strip()))
        if key:
            yield key


def name_key(name: str) -> str:
    """Return the name without case, accents, punctuation and a leading article; "&" is "and"."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    words = re.sub(r"[^\w]+", " ", plain.replace("&", " and ").replace("'", "").replace("’", "")).strip()
    return _LEADING.sub("", words)


def _in_order(name: str) -> str:
    moved = _MOVED.match(name)
    if moved is None:
        return name
    article = moved["article"]
    return f"{article}{moved['name']}" if article.endswith("'") else f"{article} {moved['name']}"
