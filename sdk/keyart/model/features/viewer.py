"""A viewer's taste from the viewing history: affinities h, the sharpened h̃, and affinities to single people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...history import Reward, View
from ...linalg import row_products, unflagged
from ...types import Floats, Ints
from .encode import EncodedCatalog
from .spec import FeatureSpec

if TYPE_CHECKING:
    from ...catalog import Catalog
    from ..latents import TitleExposure

RARE_VIEWS = 2.0  # views of a rare person's titles that bring the affinity half-way to 1


class TitleRows(NamedTuple):
    """The rows of a title for a viewer, of what these two and the model determine. Do not write into the arrays.

    Attributes:
        model: The model that they are of; an evaluation asks several models about one viewer.
        places: Places of the artworks among all artworks, [A].
        artwork: Their tags, [A, Z].
        appeal: Their appeal, [A, 2].
        match: Interaction features, intent 0, [A, M].
        latents: What the latents add to the logits of play, [A]; None if there are none.
    """

    model: object
    places: Ints
    artwork: Floats
    appeal: Floats
    match: Floats
    latents: Floats | None


@dataclass(frozen=True)
class ViewerFeatures:
    """The features of viewers […].

    Attributes:
        affinity: Share of watched titles by tag, within each kind, […, H].
        taste: The same, sharpened and centred, […, H].
        people: Affinity to each high-cardinality tag of the catalogue, in [0, 1), […, O].
        met: Exposure to titles; None if it is unknown, or the model has no latents.
        kept: Rows of titles, by place, kept by `candidates.title_rows` for as long as these are the viewer's
            features.
    """

    affinity: Floats
    taste: Floats
    people: Floats
    met: TitleExposure | None = None
    kept: dict[int, TitleRows] = field(default_factory=dict, init=False, compare=False, repr=False)

    @staticmethod
    def even(spec: FeatureSpec) -> Floats:
        """Return the affinity that prefers nothing, [H]."""
        return _within_kinds(np.ones(spec.viewer_size, dtype=np.float32), spec)

    @classmethod
    def unknown(cls, encoded: EncodedCatalog) -> ViewerFeatures:
        """Return the population's average, which a viewer without consent gets."""
        spec = encoded.spec
        return cls(
            affinity=cls.even(spec),
            taste=np.zeros(spec.viewer_size, dtype=np.float32),
            people=np.zeros(encoded.open_size, dtype=np.float32),
        )


def view_weight(view: View, duration: float, reward: Reward, spec: FeatureSpec) -> float:
    """Return the weight of a view: 1 for a quality view, `abandoned_weight` if it was broken off."""
    return 1.0 if reward.is_quality(view.seconds, duration) else spec.abandoned_weight


def views_by_title(views: Iterable[View], catalog: Catalog, reward: Reward, spec: FeatureSpec) -> dict[str, float]:
    """Return the weight of the views of each title, by title id, in the order of the first views.

    The duration of a title outside the catalogue is unknown; its views count all the same.
    """
    weights: dict[str, float] = {}
    for view in views:
        duration = catalog[view.title_id].duration if view.title_id in catalog else 0.0
        weights[view.title_id] = weights.get(view.title_id, 0.0) + view_weight(view, duration, reward, spec)
    return weights


def tally_titles(encoded: EncodedCatalog, weights: Mapping[str, float]) -> tuple[Floats, Floats, Floats]:
    """Return the sums of `tally` over titles of the catalogue, and the weight of all their views.

    Args:
        encoded: the catalogue; titles that it does not have are left out.
        weights: what the views of each title count together (`views_by_title`).

    Returns:
        watched [H], seen [O] and the weighted number of views [].
    """
    in_catalog = {title_id: weight for title_id, weight in weights.items() if title_id in encoded.title_place}
    titles = np.array([encoded.title_place[title_id] for title_id in in_catalog], dtype=np.intp)
    counted = np.array(list(in_catalog.values()), dtype=np.float32)
    return *tally_views(encoded, titles, counted), np.asarray(counted.sum(), dtype=np.float32)


def tally_views(encoded: EncodedCatalog, titles: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Return the sums over views: watched [H] by low-cardinality tag, and seen [O] by high-cardinality tag."""
    encoded.need_titles(titles.tolist())
    watched = weights @ encoded.title_shares[titles] if len(titles) else np.zeros(encoded.spec.viewer_size)
    seen = np.zeros(encoded.open_size, dtype=np.float32)
    present = encoded.title_open_weight[titles] > 0
    np.add.at(
        seen,
        encoded.title_open_index[titles][present],
        np.broadcast_to(weights[:, None, None], present.shape)[present],
    )
    return np.asarray(watched, dtype=np.float32), seen


def affinities(
    encoded: EncodedCatalog, watched: Floats, seen: Floats, views: Floats, population_taste: Floats
) -> ViewerFeatures:
    """Return the features that follow from the sums of `tally_views`.

    h = (watched + smoothing) / Σ within each kind; h̃ = h³ / Σ h³ − its mean over viewers (`population_taste`). A
    high-cardinality tag seen n times of N has n / (n + 2 + N · share of titles that carry it), so that people who are
    in everything count little.

    Args:
        encoded: The catalogue.
        watched: […, H].
        seen: […, O].
        views: Weighted number of views behind them, […].
        population_taste: [H].
    """
    spec = encoded.spec
    affinity = _within_kinds(watched + np.float32(spec.smoothing_views), spec)
    sharp = sharpen_affinity(affinity, spec)
    has_views = (np.asarray(views) > 0)[..., None]
    taste = np.where(has_views, sharp - population_taste, np.float32(0.0)).astype(np.float32)
    expected = np.asarray(views, dtype=np.float32)[..., None] * encoded.open_rarity
    people = seen / (seen + np.float32(RARE_VIEWS) + expected)
    return ViewerFeatures(affinity, taste, people.astype(np.float32))


def sharpen_affinity(affinity: Floats, spec: FeatureSpec) -> Floats:
    """Return h³ / Σ h³ within each kind: what a viewer likes most stands out."""
    return _within_kinds(affinity ** np.float32(spec.sharpening), spec)


@unflagged
def _within_kinds(values: Floats, spec: FeatureSpec) -> Floats:
    member = spec.viewer_members
    totals = row_products(row_products(values, member), member.T)  # the second one repeats: it rounds nothing
    return np.asarray(values / np.maximum(totals, np.float32(1e-12)), dtype=np.float32)
