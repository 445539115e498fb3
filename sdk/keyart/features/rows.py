"""Rows: the ranker's inputs for candidates of a choice, from the encoded catalogue, a viewer and a context."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..catalog import kind_of
from .encode import EncodedCatalog, Floats, Ints
from .spec import MATCHES_PER_KIND, FeatureSpec
from .viewer import ViewerFeatures

if TYPE_CHECKING:
    from ..context import Context


@dataclass(frozen=True)
class Rows:
    """Inputs of the ranker, by the graph's own names. […] are leading axes, N the candidates.

    artwork […, N, Z], match […, N, M], main […, N, K], appeal […, N, 2]; viewer […, H], context […, C].
    """

    artwork: Floats
    match: Floats
    main: Floats
    appeal: Floats
    viewer: Floats
    context: Floats


def situation(spec: FeatureSpec, context: Context, title_id: str) -> tuple[float, float]:
    """Slot and trending as they enter the mains: log(1 + slot), and the title's share."""
    return math.log1p(context.slot), context.trending.get(title_id, 0.0)


def mains(spec: FeatureSpec, slot_log: Floats, trending: Floats, context: Floats, title_shares: Floats) -> Floats:
    """[…, K] from slot_log […], trending […], context […, C] and title_shares […, H]."""
    one = np.ones_like(slot_log)
    return np.concatenate([np.stack([one, slot_log, trending], axis=-1), context, title_shares], axis=-1)


def intent_match(spec: FeatureSpec, artwork: Floats, intent: dict[str, float]) -> Floats:
    """[…, N]: how far each picture answers what the viewer asked for just now."""
    wanted = np.zeros(spec.artwork_size, dtype=np.float32)
    for tag, weight in intent.items():
        place = spec.artwork_place.get(tag)
        if place is not None:
            wanted[place] = weight
    return np.asarray(artwork @ wanted, dtype=np.float32)


def kind_layout(spec: FeatureSpec) -> tuple[Floats, Sequence[bool]]:
    """Membership [match kinds, H] of viewer tags, and which match kinds are open."""
    kinds = [kind_of(tag) for tag in spec.viewer_tags]
    member = [[k == kind for k in kinds] for kind in spec.match_kinds]
    return (
        np.array(member, dtype=np.float32).reshape(len(spec.match_kinds), len(kinds)),
        [kind in spec.open_kinds for kind in spec.match_kinds],
    )


def matches(encoded: EncodedCatalog, viewer: ViewerFeatures, artworks: Ints, titles: Ints) -> Floats:
    """[…, M] for artworks […] of titles […] and a viewer with the same leading axes (or none); intent is 0 here.

    Per kind: h·e_a, h·g_t, −TV(e_a, g_t), −false promise; for open kinds h is the affinity to exactly these people.
    """
    spec = encoded.spec
    member, is_open = kind_layout(spec)
    out = np.zeros((*artworks.shape, len(spec.match_names)), dtype=np.float32)
    e = encoded.shares[artworks] * viewer.affinity
    g = encoded.title_shares[titles] * viewer.affinity
    for k, name_is_open in enumerate(is_open):
        at = MATCHES_PER_KIND * k
        if name_is_open:
            out[..., at] = _people_match(viewer, encoded.open_index[artworks, k], encoded.open_weight[artworks, k])
            out[..., at + 1] = _people_match(
                viewer, encoded.title_open_index[titles, k], encoded.title_open_weight[titles, k]
            )
        else:
            out[..., at] = e @ member[k]
            out[..., at + 1] = g @ member[k]
    promise = encoded.promise[artworks]
    out[..., 2:-1:MATCHES_PER_KIND] = promise[..., 0]
    out[..., 3:-1:MATCHES_PER_KIND] = promise[..., 1]
    return out


def _people_match(viewer: ViewerFeatures, index: Ints, weight: Floats) -> Floats:
    """Σ_p weight · affinity of the person at index; index […, P], viewer.people [O] or […, O]."""
    people = viewer.people
    if people.ndim == 1:
        return np.asarray((people[index] * weight).sum(-1), dtype=np.float32)
    lead = index.shape
    flat = np.broadcast_to(people, (*lead[:-1], people.shape[-1]))
    return np.asarray((np.take_along_axis(flat, index, axis=-1) * weight).sum(-1), dtype=np.float32)
