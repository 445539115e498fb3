"""Stated preferences: what the tags that a viewer likes or dislikes add to the score of an artwork."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from ..catalog import Artwork, Catalog
from ..types import Floats
from .features.encode import MAX_TAG_WEIGHT
from .features.spec import is_sensitive

PREFERENCE_LOGIT: Final = 1.0
"""What a stated like adds to the logit of a play of a picture that carries its tag with weight 1.

It multiplies the odds of a play by 2.7. The personal head starts from a standard deviation of 0.17 a tag (the root of
`HeadPrior.tag_variance`), so that a statement counts for about six of them: more than the head believes before a long
series of outcomes. It is as much as the first bundle gives to a genre that is half of what somebody watches
(`PRIOR_TASTE`, 2.0 · 0.5), so that it does not drown a history either.
"""


@dataclass(frozen=True)
class StatedPreferences:
    """Preferences worked out for one catalogue.

    `added` [n] are logits of play, by artwork in the catalogue's order.
    """

    tags: Mapping[str, float]
    added: Floats

    @classmethod
    def of(cls, catalog: Catalog, preferences: Mapping[str, float]) -> StatedPreferences | None:
        """Work preferences out for a catalogue; None if they touch no artwork, so that a choice pays nothing.

        Every tag of an artwork counts, also one that the model has never seen, and a name of the cast as much as a
        genre. It passes over the whole catalogue: call it once for each change of either.
        """
        tags = {tag: sign for tag, sign in preferences.items() if not is_sensitive(tag)}
        if not tags:
            return None
        added = np.zeros(len(catalog.artwork_places), dtype=np.float32)
        for place, weights in catalog.titles.tagged_artworks(tags).items():
            said = (tags[tag] * min(weight, MAX_TAG_WEIGHT) for tag, weight in weights.items())
            added[place] = PREFERENCE_LOGIT * sum(said)
        return cls(MappingProxyType(tags), added) if added.any() else None


def tag_weight(artwork: Artwork, tag: str) -> float:
    """Return the weight with which an artwork carries a tag, capped as in its features; 0 if it does not."""
    return min(artwork.tags.get(tag, 0.0), MAX_TAG_WEIGHT)
