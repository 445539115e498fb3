"""A title: a film, a series or a programme, with its candidate artworks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import CatalogError
from .artwork import Artwork
from .checks import check_id, checked_embedding, quoted
from .tags import checked_tags

MAX_DURATION_SECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Title:
    """A film, series or programme with its candidate artworks.

    Attributes:
        id: Id, unique in the catalogue.
        name: Name for people.
        duration: Seconds, or 0 if unknown. Then only the minutes of a play decide whether it was a quality play.
        tags: Weights by tag.
        artworks: At least one artwork.
        embedding: What a model makes of the title, as numbers, or None. All embeddings of a catalogue have one
            length.

    Raises:
        CatalogError: A field cannot be used.
    """

    id: str
    name: str = ""
    duration: float = 0.0
    tags: Mapping[str, float] = field(default_factory=dict)
    artworks: Sequence[Artwork] = ()
    embedding: Sequence[float] | None = None

    def __post_init__(self) -> None:
        check_id(self.id, "A title")
        object.__setattr__(self, "tags", checked_tags(self.tags, f"Title {quoted(self.id)}", CatalogError))
        if not isinstance(self.duration, (int, float)) or not 0 <= self.duration <= MAX_DURATION_SECONDS:
            raise CatalogError(
                f"Title {quoted(self.id)}: duration is {quoted(self.duration)}; give seconds, or 0 if unknown."
            )
        object.__setattr__(self, "duration", float(self.duration))
        artworks = tuple(self.artworks)
        if not artworks:
            raise CatalogError(f"Title {quoted(self.id)} has no artwork; give it at least one.")
        if not all(isinstance(artwork, Artwork) for artwork in artworks):
            raise CatalogError(f"Title {quoted(self.id)}: artworks must be keyart.Artwork values.")
        object.__setattr__(self, "artworks", artworks)
        object.__setattr__(self, "embedding", checked_embedding(self.embedding, f"Title {quoted(self.id)}"))
