"""An artwork: one picture that an app may show for a title."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import CatalogError
from .checks import check_id, quoted
from .ratings import age_of
from .tags import checked_tags


@dataclass(frozen=True, slots=True)
class Artwork:
    """An artwork of a title.

    Attributes:
        id: Id, unique in the catalogue.
        tags: Weights of the tags of what the artwork shows.
        image: Path or address that the host app finds it by. keyart never opens it.
        embedding: Image embedding of any length, or None.
        synthetic: True if it was composed or generated, so that the app can say so.
        maturity: Age rating such as "13+". It is shown only where the context's limit allows it.
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
        if self.embedding is not None:
            try:
                vector = tuple(float(x) for x in self.embedding)
            except (TypeError, ValueError, OverflowError):
                raise CatalogError(
                    f"Artwork {quoted(self.id)}: its embedding must be a sequence of numbers."
                ) from None
            if not all(map(math.isfinite, vector)):
                raise CatalogError(f"Artwork {quoted(self.id)}: its embedding holds a NaN or an infinity.")
            object.__setattr__(self, "embedding", vector)
        if not isinstance(self.maturity, str) or age_of(self.maturity) is None:
            raise CatalogError(
                f"Artwork {quoted(self.id)}: maturity {quoted(self.maturity)} is not an age such as '13+'."
            )
        if not isinstance(self.synthetic, bool) or not isinstance(self.spoiler, bool):
            raise CatalogError(f"Artwork {quoted(self.id)}: 'synthetic' and 'spoiler' are True or False.")
