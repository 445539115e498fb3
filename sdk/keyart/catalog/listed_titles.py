"""Titles in memory, and what is asked of all of them at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from .tags import kind_of
from .title import Title

Embedded = list[tuple[str, Sequence[float]]]  # id and embedding of each title, or artwork, that has one


class ListedTitles(tuple[Title, ...]):
    """The titles of a catalogue as values. `CompactTitles` answers the same questions from a file."""

    __slots__ = ()

    def artwork_counts(self) -> Sequence[int]:
        """Return the number of artworks of each title."""
        return [len(title.artworks) for title in self]

    def durations(self) -> Sequence[float]:
        """Return the duration of each title in seconds."""
        return [title.duration for title in self]

    def title_ids(self) -> list[str]:
        """Return the ids of the titles."""
        return [title.id for title in self]

    def artwork_ids(self) -> list[str]:
        """Return the ids of the artworks of all titles, in order."""
        return [artwork.id for title in self for artwork in title.artworks]

    def tags(self) -> tuple[set[str], set[str]]:
        """Return all tags of titles, and all tags of artworks."""
        on_titles = {tag for title in self for tag in title.tags}
        return on_titles, {tag for title in self for artwork in title.artworks for tag in artwork.tags}

    def carriers(self, kinds: Collection[str]) -> dict[str, int]:
        """Return how many titles carry each tag of some kinds."""
        return dict(Counter(tag for title in self for tag in title.tags if kind_of(tag) in kinds)) if kinds else {}

    def tagged_artworks(self, tags: Collection[str]) -> dict[int, dict[str, float]]:
        """Return the weights of some tags, by the place of each artwork that carries one among all artworks."""
        artworks = (artwork for title in self for artwork in title.artworks)
        weights = ({tag: artwork.tags[tag] for tag in tags if tag in artwork.tags} for artwork in artworks)
        return {place: found for place, found in enumerate(weights) if found}

    def embedding_size(self) -> int | None:
        """Return how many numbers the embeddings have, or None if there are none."""
        for title in self:
            for embedding in (title.embedding, *(artwork.embedding for artwork in title.artworks)):
                if embedding is not None:
                    return len(embedding)
        return None

    def embeddings(self) -> tuple[Embedded, Embedded]:
        """Return the embeddings of titles and of artworks."""
        artworks = (artwork for title in self for artwork in title.artworks)
        return (
            [(title.id, title.embedding) for title in self if title.embedding is not None],
            [(artwork.id, artwork.embedding) for artwork in artworks if artwork.embedding is not None],
        )
