"""Feature rows: the ranker's inputs for candidates, from the encoded catalogue, a viewer and a context."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...linalg import row_dots, row_products, unflagged
from ...types import Floats, Ints
from .encode import EncodedCatalog
from .spec import MATCHES_PER_KIND, FeatureSpec
from .viewer import ViewerFeatures

if TYPE_CHECKING:
    from ...context import Context


@dataclass(frozen=True)
class FeatureRows:
    """Inputs of the ranker, by the graph's own names. […] are leading axes, N the candidates.

    Attributes:
        artwork: […, N, Z].
        match: Interaction features, […, N, M].
        main: Main effects, […, N, K].
        appeal: […, N, 2].
        viewer: […, H].
        context: […, C], or […, N, C] for a log, each decision of which has a context of its own.
    """

    artwork: Floats
    match: Floats
    main: Floats
    appeal: Floats
    viewer: Floats
    context: Floats


def slot_and_trending(spec: FeatureSpec, context: Context, title_id: str, after: int = 0) -> tuple[float, float]:
    """Return log(1 + slot) and the title's trending share. `after` counts slots further on."""
    return math.log1p(context.slot + after), context.trending.get(title_id, 0.0)


def main_effects(
    spec: FeatureSpec, slot_log: Floats | float, trending: Floats | float, context: Floats, title_shares: Floats
) -> Floats:
    """Return the main effects.

    Args:
        spec: The feature spec.
        slot_log: log(1 + slot), […].
        trending: Trending share, […].
        context: […, C].
        title_shares: […, H].

    Returns:
        […, K].
    """
    row = np.empty((*title_shares.shape[:-1], len(spec.main_names)), dtype=np.float32)
    row[..., 0] = 1.0
    row[..., 1] = slot_log
    row[..., 2] = trending
    of_title = 3 + context.shape[-1]
    row[..., 3:of_title] = context
    row[..., of_title:] = title_shares
    return row


def trending_appeal(appeal: Floats, trending: Floats | float) -> Floats:
    """Return the appeal […, N, 2] of trending titles […, N]: it counts up to twice in the logit of play.

    Viewers of what everybody watches follow their usual taste less. Stored nowhere.
    """
    more = np.array(appeal)
    more[..., 0] *= 1.0 + np.clip(np.asarray(trending, dtype=np.float32), 0.0, 1.0)
    return more


@unflagged
def intent_match(spec: FeatureSpec, artwork: Floats, intent: Mapping[str, float]) -> Floats:
    """Return how far each artwork matches what the viewer asked for just now, […, N]."""
    wanted = np.zeros(spec.artwork_size, dtype=np.float32)
    for tag, weight in intent.items():
        place = spec.artwork_place.get(tag)
        if place is not None:
            wanted[place] = weight
    return np.asarray(row_dots(artwork, wanted), dtype=np.float32)


def interaction_features(
    encoded: EncodedCatalog, viewer: ViewerFeatures, artworks: Ints | slice, titles: Ints | int
) -> Floats:
    """Return the interaction features of viewers and artworks; intent is 0 here.

    They are, per kind, h·e_a, h·g_t, −TV(e_a, g_t) and −false promise; for high-cardinality kinds h is the affinity
    to exactly these people.

    Args:
        encoded: The catalogue.
        viewer: A viewer with the same leading axes as the artworks, or none.
        artworks: Places of the artworks, […].
        titles: Their titles, which broadcast to […].

    Returns:
        […, M].
    """
    members = encoded.spec.match_members
    out = np.array(take_rows(encoded.fixed_match, artworks))
    of_artwork, of_title = out[..., 0:-1:MATCHES_PER_KIND], out[..., 1:-1:MATCHES_PER_KIND]
    of_artwork[...] = row_products(take_rows(encoded.shares, artworks) * viewer.affinity, members)
    of_title[...] = row_products(take_rows(encoded.title_shares, titles) * viewer.affinity, members)
    for k in encoded.spec.open_matches:
        of_artwork[..., k] = _people_match(viewer, encoded.open_index[artworks, k], encoded.open_weight[artworks, k])
        of_title[..., k] = _people_match(
            viewer, encoded.title_open_index[titles, k], encoded.title_open_weight[titles, k]
        )
    return out


def take_rows(table: Floats, places: Ints | slice | int) -> Floats:
    """Return the rows of `table` at `places`, for a slice as a view.

    `take` is twice as fast as the same by brackets.
    """
    return table.take(places, axis=0) if isinstance(places, np.ndarray) else table[places]


def _people_match(viewer: ViewerFeatures, index: Ints, weight: Floats) -> Floats:
    """Return Σ_p weight · affinity of the person at index; index […, P], viewer.people [O] or […, O]."""
    people = viewer.people
    if people.ndim == 1:
        return np.asarray(row_dots(people[index], weight), dtype=np.float32)
    lead = index.shape
    flat = np.broadcast_to(people, (*lead[:-1], people.shape[-1]))
    return np.asarray(row_dots(np.take_along_axis(flat, index, axis=-1), weight), dtype=np.float32)
