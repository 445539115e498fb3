"""The vocabulary of tags: the kinds that tagging, texts, worlds and importers share, and how a value is spelt.

A tag is `kind:value`. The value is the slug of a name (`slug_of`): lower case, no accents, words joined by hyphens.
Genres are folded further, since sources spell them differently: `genres_of` takes "Sci-Fi & Fantasy" apart and looks
its parts up in `GENRE_ALIASES`. `docs/reference/vocabulary.md` is the page for people; a test holds it, and every
package that makes tags, against this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from keyart_tools.text.folding import slug

MAX_VALUE_CHARACTERS = 100  # a longer value is a text that stands in the wrong field


@dataclass(frozen=True, slots=True)
class TagKind:
    """A kind of tags.

    Attributes:
        meaning: One line for people.
        on_titles: True if titles carry it.
        on_artworks: True if artworks carry it.
        values: All its values, or none where any slug is one.
    """

    meaning: str
    on_titles: bool
    on_artworks: bool
    values: frozenset[str] = frozenset()


GENRES = frozenset(
    {
        "action", "adventure", "animation", "biography", "comedy", "crime", "documentary", "drama", "family",
        "fantasy", "film-noir", "game-show", "history", "horror", "musical", "mystery", "news", "reality",
        "romance", "science-fiction", "short", "soap", "sport", "talk", "thriller", "tv-movie", "war", "western",
    }
)  # fmt: skip
MOODS = frozenset({"dark", "happy", "intense", "neutral", "sad", "thoughtful", "warm"})
THEMES = frozenset(
    {
        "ambition", "animals", "betrayal", "family", "food", "freedom", "friendship", "growing-up", "holiday",
        "justice", "love", "loss", "money", "music", "nature", "power", "revenge", "secrets", "survival",
        "technology", "travel", "work",
    }
)  # fmt: skip
ARTWORK_TYPES = frozenset({"poster", "keyart", "backdrop", "landscape", "banner", "still"})

KINDS: Mapping[str, TagKind] = MappingProxyType(
    {
        "genre": TagKind("genre of the story", True, True, GENRES),
        "mood": TagKind("mood of the story, a scene or a face", True, True, MOODS),
        "theme": TagKind("theme of the story or a scene", True, True, THEMES),
        "cast": TagKind("actor, or character that is named", True, True),
        "director": TagKind("director, or creator of a series", True, False),
        "writer": TagKind("writer", True, False),
        "franchise": TagKind("collection or set that a title belongs to", True, False),
        "studio": TagKind("studio or network", True, False),
        "country": TagKind("country of production; nothing about a person", True, False),
        "decade": TagKind("decade of the first showing, such as 1990s", True, False),
        "keyword": TagKind("keyword of a database or of an editor", True, False),
        "type": TagKind("shape and purpose of an artwork", False, True, ARTWORK_TYPES),
        "shot": TagKind(
            "shot size by the largest face", False, True,
            frozenset({"close-up", "medium", "wide", "ensemble", "empty"}),
        ),
        "palette": TagKind(
            "colours", True, True, frozenset({"warm", "cool", "dark", "bright", "muted", "vivid"})
        ),
        "contrast": TagKind("contrast of lightness", True, True, frozenset({"low", "high"})),
        "motion": TagKind("motion around a still", True, True, frozenset({"still", "calm", "fast"})),
        "object": TagKind("object in the picture", False, True),
        "faces": TagKind("share of the height that faces take; a bare name", False, True),
        "lettering": TagKind("share of the picture under text; a bare name", False, True),
    }
)  # fmt: skip

# Spellings of sources, as slugs: TMDB, IMDb, TheTVDB, Kodi's scrapers, MovieLens. A value may be several genres.
GENRE_ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sci-fi": ("science-fiction",),
        "scifi": ("science-fiction",),
        "sf": ("science-fiction",),
        "sci": ("science-fiction",),
        "science-fiction-film": ("science-fiction",),
        "sci-fi-and-fantasy": ("science-fiction", "fantasy"),
        "action-and-adventure": ("action", "adventure"),
        "war-and-politics": ("war",),
        "animated": ("animation",),
        "anime": ("animation",),
        "cartoon": ("animation",),
        "biopic": ("biography",),
        "biographical": ("biography",),
        "children": ("family",),
        "childrens": ("family",),
        "kids": ("family",),
        "kids-and-family": ("family",),
        "comedies": ("comedy",),
        "documentaries": ("documentary",),
        "noir": ("film-noir",),
        "historical": ("history",),
        "music": ("musical",),
        "musicals": ("musical",),
        "suspense": ("thriller",),
        "romantic": ("romance",),
        "romantic-comedy": ("romance", "comedy"),
        "rom-com": ("romance", "comedy"),
        "sports": ("sport",),
        "sporting-event": ("sport",),
        "reality-tv": ("reality",),
        "talk-show": ("talk",),
        "soap-opera": ("soap",),
        "short-film": ("short",),
        "television-movie": ("tv-movie",),
    }
)
_SEPARATORS = re.compile(r"\s*[/|,;•]\s*")


def slug_of(name: str) -> str:
    """Return the value of a tag for a name: `"ana-de-la-mer"` for `"Ana de la Mér"`; "" if nothing of it is left."""
    return slug(name)


def tag_of(kind: str, name: str) -> str | None:
    """Return the tag `kind:slug`, or None if the name has no letter or is longer than a name."""
    value = slug_of(name)
    return f"{kind}:{value}" if value and len(value) <= MAX_VALUE_CHARACTERS else None


def genres_of(names: Iterable[str]) -> list[str]:
    """Return the genres that texts name, as tags in order, each once.

    A text may hold several, apart by "/", "|", ",", ";" or a bullet. A genre that is not in `GENRES` is kept as its
    slug: sources in other languages have names of their own, and a catalogue is consistent with itself.
    """
    tags: dict[str, None] = {}
    for text in names:
        for name in _SEPARATORS.split(text):
            value = slug_of(name)
            if value and len(value) <= MAX_VALUE_CHARACTERS:
                tags |= {f"genre:{genre}": None for genre in GENRE_ALIASES.get(value, (value,))}
    return list(tags)
