"""The catalogue: titles, their artworks, and the tags and ratings of both.

It uses nothing of keyart but `errors`, and may be imported by every package. `checks` holds the checks of values from
outside, which contexts and limits use, too.
"""

from __future__ import annotations

from .artwork import Artwork
from .catalog import Catalog
from .checks import MAX_EMBEDDING_SIZE, MAX_FINITE_NUMBER, is_text, quoted
from .ratings import SYSTEMS, UNRATED, Rating, check_rating, rating_of
from .tags import EMBEDDING_KIND, checked_tags, folded_kind, kind_of
from .title import Title

__all__ = [
    "EMBEDDING_KIND",
    "MAX_EMBEDDING_SIZE",
    "MAX_FINITE_NUMBER",
    "SYSTEMS",
    "UNRATED",
    "Artwork",
    "Catalog",
    "Rating",
    "Title",
    "check_rating",
    "checked_tags",
    "folded_kind",
    "is_text",
    "kind_of",
    "quoted",
    "rating_of",
]
