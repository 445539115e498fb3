"""Tags: `kind:value` strings with a weight (`"genre:drama": 0.7`), or bare names (`"faces": 0.5`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..errors import CatalogError
from .checks import MAX_FINITE_NUMBER, is_text, quoted

EMBEDDING_KIND = "embedding"  # of the tags that a model's feature spec makes of embeddings


def kind_of(tag: str) -> str:
    """Return the kind of a tag: `"genre"` of `"genre:drama"`. A bare name is a kind of its own."""
    return tag.partition(":")[0]


def folded_kind(tag: str) -> str:
    """Return the kind that rules go by, the same however the tag is spelt: `"gender"` of `" Gender:x"`."""
    return kind_of(tag).strip().casefold()


def checked_tags(tags: Mapping[str, float], owner: str, error: type[CatalogError]) -> Mapping[str, float]:
    """Return a read-only copy of tags with finite weights of 0 or more.

    Args:
        tags: Weights by tag.
        owner: Title or artwork, for the error message.
        error: Class of the error that is raised for a bad tag or weight.
    """
    if not isinstance(tags, Mapping):
        raise error(f"{owner}: tags must be a mapping of tag to weight, not {type(tags).__name__}.")
    clean: dict[str, float] = {}
    for tag, weight in tags.items():
        if not is_text(tag) or not tag.strip():
            raise error(f"{owner}: a tag must be a text such as 'genre:drama', not {quoted(tag)}.")
        try:
            value = float(weight)
        except (TypeError, ValueError, OverflowError):
            raise error(f"{owner}: the weight of {quoted(tag)} must be a number, not {quoted(weight)}.") from None
        if not 0.0 <= value <= MAX_FINITE_NUMBER:
            raise error(
                f"{owner}: the weight of {quoted(tag)} is {value}; it must be finite and not negative, and at most "
                f"{MAX_FINITE_NUMBER:.0e}."
            )
        clean[tag] = value
    return MappingProxyType(clean)
