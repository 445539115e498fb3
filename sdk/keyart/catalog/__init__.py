"""The catalogue: titles, their artworks, and the tags and ratings of both.

It uses nothing of keyart but `errors`, and may be imported by every package. `checks` holds the checks of values from
outside, which contexts and limits use, too.
"""

from __future__ import annotations

from .artwork import Artwork
from .catalog import Catalog
from .checks import MAX_EMBEDDING_SIZE, MAX_FINITE_NUMBER, is_text, quoted
from .ratings import age_of
from .tags import EMBEDDING_KIND, checked_tags, folded_kind, kind_of
from .title import Title

__all__ = [
    "EMBEDDING_KIND",
    "MAX_EMBEDDING_SIZE",
    "MAX_FINITE_NUMBER",
    "Artwork",
    "Catalog",
    "Title",
    "age_of",
    "checked_tags",
    "folded_kind",
    "is_text",
    "kind_of",
    "quoted",
]
