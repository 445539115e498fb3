"""An artwork: one picture that an app may show for a title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import CatalogError
from .checks import check_id, checked_embedding, quoted
from .ratings import check_rating
from .tags import checked_tags


@dataclass(frozen=True, slots=True)
class Artwork:
    """An artwork of a title.

    Attributes:
        id: Id, unique in the catalogue.
        tags: Weights of the tags of what the artwork shows.
        image: Path or address that the host app finds it by. keyart never opens it.
        embedding: What a model makes of the image, as numbers, or None. All embeddings of a catalogue have one
            length.
        synthetic: True if it was composed or generated, so that the app can say so.
        maturity: Age rating such as "13+", "PG-13" or "FSK 12"; "" if it has none. It is shown only where the age
            limits of the profile and of the context allow it, and without a rating never in a child's profile.
        spoiler: True if it is not shown before the title has been watched.

    Raises:
        CatalogError: A field cannot be used.
    """

    id: str
    tags: Mapping[str, float] = field(default_factory=dict)
    image: str = ""
    embedding: Sequence[float] | None = None
    synthetic: bool = False
    maturity: str = ""
    spoiler: bool = False

    def __post_init__(self) -> None:
        check_id(self.id, "An artwork")
        object.__setattr__(self, "tags", checked_tags(self.tags, f"Artwork {quoted(self.id)}", CatalogError))
        object.__setattr__(self, "embedding", checked_embedding(self.embedding, f"Artwork {quoted(self.id)}"))
        check_rating(self.maturity, f"Artwork {quoted(self.id)}: maturity", CatalogError)
        if not isinstance(self.synthetic, bool) or not isinstance(self.spoiler, bool):
            raise CatalogError(f"Artwork {quoted(self.id)}: 'synthetic' and 'spoiler' are True or False.")
