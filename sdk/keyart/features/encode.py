"""EncodedCatalog: the part of every feature that depends on titles and pictures alone, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..catalog import Artwork, Catalog, Title, age_of, kind_of
from .spec import FeatureSpec

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

OPEN_TAGS_PER_ITEM = 8  # the heaviest ones; a picture that names more people than this names none in particular
MISLEADING_KINDS = ("genre", "cast")
MAX_TAG_WEIGHT = 4.0


@dataclass(frozen=True)
class EncodedCatalog:
    """Arrays over all artworks (n, in catalogue order) and titles (t).

    first [t+1]: title i owns artworks first[i]:first[i+1]. title_of [n]. artwork [n, Z]: tag weights.
    shares [n, H], title_shares [t, H]: weights within each kind, summing to 1 (or 0 where the kind is absent).
    promise [n, kinds, 2]: −distance (total variation) and −share of what the title does not hold, per match kind.
    open_index, open_weight [n, kinds, P] and the same for titles: places in the list of open tags, of which
    open_rarity [O] tells the share of titles that carry each. misleading [n]: genres or cast share nothing with
    the title's. ages, spoilers [n]: from which age on, and not before the title was watched. durations [t]: seconds.
    place, title_place: by id.
    """

    spec: FeatureSpec
    first: Ints
    title_of: Ints
    artwork: Floats
    shares: Floats
    title_shares: Floats
    promise: Floats
    open_index: Ints
    open_weight: Floats
    title_open_index: Ints
    title_open_weight: Floats
    open_rarity: Floats
    misleading: Bools
    ages: Ints
    spoilers: Bools
    durations: npt.NDArray[np.float64]
    place: Mapping[str, int]
    title_place: Mapping[str, int]

    @classmethod
    def build(cls, catalog: Catalog, spec: FeatureSpec) -> EncodedCatalog:
        """Encodes `catalog`; tags that the spec has never seen are left out."""
        titles = catalog.titles
        artworks = [artwork for title in titles for artwork in title.artworks]
        counts = np.array([len(title.artworks) for title in titles], dtype=np.intp)
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
        title_of = np.repeat(np.arange(len(titles), dtype=np.intp), counts)
        open_place = _open_places(catalog, spec)
        rarity = np.zeros(max(len(open_place), 1), dtype=np.float32)
        for title in titles:
            for tag in title.tags:
                if tag in open_place:
                    rarity[open_place[tag]] += 1.0 / len(titles)
        open_index, open_weight = _open_tags([a.tags for a in artworks], spec, open_place)
        title_open_index, title_open_weight = _open_tags([t.tags for t in titles], spec, open_place)
        return cls(
            spec=spec,
            first=first,
            title_of=title_of,
            artwork=_artwork_matrix(artworks, spec),
            shares=_shares([a.tags for a in artworks], spec),
            title_shares=_shares([t.tags for t in titles], spec),
            promise=np.array([_promise(t, a, spec) for t in titles for a in t.artworks], dtype=np.float32).reshape(
                len(artworks), len(spec.match_kinds), 2
            ),
            open_index=open_index,
            open_weight=open_weight,
            title_open_index=title_open_index,
            title_open_weight=title_open_weight,
            open_rarity=rarity,
            misleading=np.array([is_misleading(t, a) for t in titles for a in t.artworks], dtype=np.bool_),
            ages=np.array([age_of(a.maturity) or 0 for a in artworks], dtype=np.intp),
            spoilers=np.array([a.spoiler for a in artworks], dtype=np.bool_),
            durations=np.array([t.duration for t in titles]),
            place={artwork.id: i for i, artwork in enumerate(artworks)},
            title_place={title.id: i for i, title in enumerate(titles)},
        )

    @property
    def open_size(self) -> int:
        """O, number of open tags in this catalogue (at least 1)."""
        return len(self.open_rarity)


def is_misleading(title: Title, artwork: Artwork) -> bool:
    """Whether the picture's genres, or its cast, share nothing with the title's (kinds absent on one side pass)."""
    for kind in MISLEADING_KINDS:
        of_artwork = {tag for tag, weight in artwork.tags.items() if weight > 0 and kind_of(tag) == kind}
        of_title = {tag for tag, weight in title.tags.items() if weight > 0 and kind_of(tag) == kind}
        if of_artwork and of_title and not of_artwork & of_title:
            return True
    return False


def _artwork_matrix(artworks: list[Artwork], spec: FeatureSpec) -> Floats:
    matrix = np.zeros((len(artworks), spec.artwork_size), dtype=np.float32)
    place = spec.artwork_place
    for row, artwork in enumerate(artworks):
        for tag, weight in artwork.tags.items():
            column = place.get(tag)
            if column is not None:
                matrix[row, column] = min(weight, MAX_TAG_WEIGHT)
    return matrix


def _kind_total(tags: Mapping[str, float]) -> dict[str, float]:
    totals: dict[str, float] = {}
    for tag, weight in tags.items():
        kind = kind_of(tag)
        totals[kind] = totals.get(kind, 0.0) + weight
    return totals


def _shares(all_tags: list[Mapping[str, float]], spec: FeatureSpec) -> Floats:
    matrix = np.zeros((len(all_tags), spec.viewer_size), dtype=np.float32)
    place = spec.viewer_place
    for row, tags in enumerate(all_tags):
        totals = _kind_total(tags)
        for tag, weight in tags.items():
            column = place.get(tag)
            if column is not None and weight > 0:
                matrix[row, column] = weight / totals[kind_of(tag)]
    return matrix


def _promise(title: Title, artwork: Artwork, spec: FeatureSpec) -> list[list[float]]:
    """Per match kind: −½ Σ |e − g| (total variation) and −Σ e over tags that the title does not hold."""
    of_title, of_artwork = _kind_total(title.tags), _kind_total(artwork.tags)
    rows = []
    for kind in spec.match_kinds:
        if not of_title.get(kind) or not of_artwork.get(kind):
            rows.append([0.0, 0.0])
            continue
        e = {t: w / of_artwork[kind] for t, w in artwork.tags.items() if kind_of(t) == kind}
        g = {t: w / of_title[kind] for t, w in title.tags.items() if kind_of(t) == kind}
        distance = 0.5 * sum(abs(e.get(tag, 0.0) - g.get(tag, 0.0)) for tag in {*e, *g})
        rows.append([-distance, -sum(weight for tag, weight in e.items() if not g.get(tag))])
    return rows


def _open_places(catalog: Catalog, spec: FeatureSpec) -> dict[str, int]:
    kinds = set(spec.open_kinds) & set(spec.match_kinds)
    tags = {tag for title in catalog for tag in title.tags if kind_of(tag) in kinds}
    return {tag: i for i, tag in enumerate(sorted(tags))}


def _open_tags(all_tags: list[Mapping[str, float]], spec: FeatureSpec, place: dict[str, int]) -> tuple[Ints, Floats]:
    index = np.zeros((len(all_tags), len(spec.match_kinds), OPEN_TAGS_PER_ITEM), dtype=np.intp)
    weights = np.zeros(index.shape, dtype=np.float32)
    for row, tags in enumerate(all_tags):
        totals = _kind_total(tags)
        for k, kind in enumerate(spec.match_kinds):
            if kind not in spec.open_kinds:
                continue
            known = sorted(((w, t) for t, w in tags.items() if kind_of(t) == kind and t in place), reverse=True)
            for p, (weight, tag) in enumerate(known[:OPEN_TAGS_PER_ITEM]):
                index[row, k, p] = place[tag]
                weights[row, k, p] = weight / totals[kind] if totals[kind] else 0.0
    return index, weights
