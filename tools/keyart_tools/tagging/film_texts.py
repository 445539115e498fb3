"""What is known of a film besides its pictures, as tags: of the title what is written, of a still what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keyart.catalog import kind_of
from keyart_tools.text import Cast, SentenceEncoder, Subtitles, said_at, title_tags

from .tagging_file import Tagging


@dataclass(frozen=True, slots=True)
class FilmTexts:
    """What is None, or empty, is not known."""

    synopsis: str | None = None
    reviews: Sequence[str] = ()
    cast: Cast | None = None
    subtitles: Subtitles | None = None


def add_texts(tagging: Tagging, words: FilmTexts, sentences: SentenceEncoder | None) -> Tagging:
    """With tags of the title, and of each still the words of its time; what is not given stays as it was."""
    if words.synopsis or words.reviews or words.cast:
        tags = title_tags(words.synopsis, words.reviews, words.cast, sentences)
        tagging = replace(tagging, title_tags=tags)
    if words.subtitles is None:
        return tagging
    stills = []
    for still in tagging.stills:
        said = said_at(words.subtitles, still.at, sentences, words.cast)
        tags = said.tags if said and not still.tags_by_hand else {}
        # A picture whose genre is none of its title's counts as misleading, and a few lines of talk are often wrong.
        tags = {tag: weight for tag, weight in tags.items() if kind_of(tag) != "genre"}
        stills.append(replace(still, said=said.text if said else "", said_tags=tags))
    return replace(tagging, stills=tuple(stills))
