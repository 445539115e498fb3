"""Tags from texts about a film: written texts give tags of the title, subtitles give tags of stills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keyart.catalog import kind_of
from keyart_tools.text import Cast, SentenceEncoder, Subtitles, said_at, title_tags

from .tagging_file import Tagging


@dataclass(frozen=True, slots=True)
class FilmTexts:
    """Texts about a film; None, or empty, if unknown."""

    synopsis: str | None = None
    reviews: Sequence[str] = ()
    cast: Cast | None = None
    subtitles: Subtitles | None = None


def add_texts(tagging: Tagging, words: FilmTexts, sentences: SentenceEncoder | None) -> Tagging:
    """Add tags of the title, and to each still the dialogue at its time; what is not given stays as it was."""
    if words.synopsis or words.reviews or words.cast:
        tags = title_tags(words.synopsis, words.reviews, words.cast, sentences)
        tagging = replace(tagging, title_tags=tags)
    if words.subtitles is None:
        return tagging
    stills = []
    for still in tagging.stills:
        dialogue = said_at(words.subtitles, still.at, sentences, words.cast)
        tags = dialogue.tags if dialogue and not still.tags_by_hand else {}
        # A picture whose genre is none of its title's counts as misleading, and a few lines of talk are often wrong.
        tags = {tag: weight for tag, weight in tags.items() if kind_of(tag) != "genre"}
        stills.append(replace(still, said=dialogue.text if dialogue else "", said_tags=tags))
    return replace(tagging, stills=tuple(stills))
