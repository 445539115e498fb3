"""EncodedCatalog: the part of every feature that depends on titles and artworks alone, worked out once a title.

A viewer is shown a few of thousands of titles, so a device encodes a title when it first needs it; a fleet needs all
of them (`build`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from ...catalog import UNRATED, Artwork, Catalog, Title, kind_of, rating_of
from ...errors import CatalogError
from ...types import Bools, Doubles, Floats, Ints, ShortInts
from .sparse_table import sparse_zeros
from .spec import MATCHES_PER_KIND, FeatureSpec

Shares = dict[str, dict[str, float]]  # kind: tag: its part of the kind's weight

OPEN_TAGS_PER_ITEM = 8  # the heaviest ones; a picture that names more people than this names none in particular
MISLEADING_KINDS = ("genre", "cast")
MAX_TAG_WEIGHT = 4.0


class EncodedCatalog:
    """Arrays over all artworks (n, in catalogue order) and titles (t).

    A title's rows are empty before `need`, or before one of its artworks is looked up in `place`; its match is NaN
    until then, so that a score shows the mistake. Safe to use from several threads: a title that is encoded twice at
    once gets the same rows twice.

    Attributes:
        first: Title i owns artworks first[i]:first[i+1], [t+1]; `starts` is the same as a list.
        title_of: Title of each artwork, [n].
        artwork: Tag weights, [n, Z].
        shares: Weights within each kind, summing to 1, or 0 if the kind is absent, [n, H].
        title_shares: The same for titles, [t, H].
        fixed_match: The part of the interaction features that depends on no viewer, [n, M]: −distance (total
            variation) and −share that the title does not have.
        open_index: Places in the list of tags of high-cardinality kinds, [n, kinds, P].
        open_weight: Their weights, [n, kinds, P].
        title_open_index: The same for titles, [t, kinds, P].
        title_open_weight: The same for titles, [t, kinds, P].
        open_rarity: Share of titles that carry each of those tags, [O].
        misleading: True if genres or cast share nothing with the title's, [n].
        honest: The candidates that are left without misleading ones; all of them if none would be left, [n].
        ratings: Age rating of each artwork (`keyart.catalog.Rating`), [n, 3].
        spoilers: True for artworks that may not be shown before the title was watched, [n].
        spoils: True for titles with a spoiler, [t].
        ready: True for titles that are encoded with their artworks, [t].
        durations: Seconds, [t].
        place: Place of each artwork, by id.
        title_place: Place of each title, by id.
    """

    def __init__(self, catalog: Catalog, spec: FeatureSpec) -> None:
        read = spec.embedding
        size = None if read is None else catalog.titles.embedding_size()
        if read is not None and size is not None and size != read.size:
            raise CatalogError(
                f"The catalogue's embeddings have {size} numbers, and the model reads {read.size}. Make them as the "
                "catalogue's that the model was trained on, or leave them out."
            )
        self.spec = spec
        self._titles = titles = catalog.titles
        counts = titles.artwork_counts()
        self.first: Ints = np.zeros(len(titles) + 1, dtype=np.intp)
        np.cumsum(counts, out=self.first[1:])
        self.starts = self.first.tolist()
        self.on_page: dict[tuple[int, int], Floats] = {}  # kept by `keyart.model.page`, which works it out
        self.title_of: Ints = np.repeat(np.arange(len(titles), dtype=np.intp), counts)
        n, t, kinds = len(self.title_of), len(titles), len(spec.match_kinds)
        self.artwork: Floats = sparse_zeros((n, spec.artwork_size), np.float32)
        self.shares: Floats = sparse_zeros((n, spec.viewer_size), np.float32)
        self.title_shares: Floats = sparse_zeros((t, spec.viewer_size), np.float32)
        self.fixed_match: Floats = np.full((n, len(spec.match_names)), np.nan, dtype=np.float32)
        self.open_index: Ints = sparse_zeros((n, kinds, OPEN_TAGS_PER_ITEM), np.intp)
        self.open_weight: Floats = sparse_zeros(self.open_index.shape, np.float32)
        self.title_open_index: Ints = sparse_zeros((t, kinds, OPEN_TAGS_PER_ITEM), np.intp)
        self.title_open_weight: Floats = sparse_zeros(self.title_open_index.shape, np.float32)
        self.misleading: Bools = np.zeros(n, dtype=np.bool_)
        self.honest: Bools = np.zeros(n, dtype=np.bool_)
        self.ratings: ShortInts = np.zeros((n, len(UNRATED)), dtype=np.int16)
        self.spoilers: Bools = np.zeros(n, dtype=np.bool_)
        self.spoils = bytearray(t)
        self.durations: Doubles = np.asarray(titles.durations(), dtype=np.float64)
        self.title_place: Mapping[str, int] = catalog.title_places
        self.place: Mapping[str, int] = _Places(self, catalog.artwork_places)
        self._open_place, self.open_rarity = _open_tags(catalog, spec)
        self.ready, self._titles_ready = bytearray(t), bytearray(t)

    @classmethod
    def build(cls, catalog: Catalog, spec: FeatureSpec) -> EncodedCatalog:
        """Encode all titles of `catalog`. Tags that the spec has never seen are left out."""
        encoded = cls(catalog, spec)
        encoded.need(range(len(catalog)))
        return encoded

    @property
    def open_size(self) -> int:
        """Return the number of tags of high-cardinality kinds in this catalogue, at least 1."""
        return len(self.open_rarity)

    def need(self, titles: Iterable[int]) -> None:
        """Encode titles and their artworks unless that is done. Call it before you index by place."""
        for t in titles:
            if not self.ready[t]:
                self._encode(t)

    def need_titles(self, titles: Iterable[int]) -> None:
        """Encode titles without their artworks, which is all that a history needs."""
        for t in titles:
            if not self._titles_ready[t]:
                self._encode_title(t)

    def _encode_title(self, t: int) -> Shares:
        of_title = _shares(self.spec.tags_of(self._titles[t]))
        self._set_shares(self.title_shares[t], of_title)
        if self.spec.open_matches:
            self._set_open(self.title_open_index[t], self.title_open_weight[t], of_title)
        self._titles_ready[t] = 1
        return of_title

    def _encode(self, t: int) -> None:
        of_title, place = self._encode_title(t), self.spec.artwork_place
        artworks, start = self._titles[t].artworks, int(self.first[t])
        tagged = [self.spec.tags_of(artwork) for artwork in artworks]
        shares = [_shares(weights) for weights in tagged]
        for row, (weights, of_artwork) in enumerate(zip(tagged, shares, strict=True), start):
            tags = self.artwork[row]
            for tag, weight in weights.items():
                if tag in place:
                    tags[place[tag]] = min(weight, MAX_TAG_WEIGHT)
            self._set_shares(self.shares[row], of_artwork)
            if self.spec.open_matches:
                self._set_open(self.open_index[row], self.open_weight[row], of_artwork)
        mine = slice(start, start + len(artworks))
        self.fixed_match[mine] = [_fixed_match(of_title, of_artwork, self.spec) for of_artwork in shares]
        misleading = [_is_misleading(of_title, of_artwork) for of_artwork in shares]
        self.misleading[mine] = misleading
        self.honest[mine] = [not misleads for misleads in misleading] if not all(misleading) else True
        self.ratings[mine] = [rating_of(artwork.maturity) or UNRATED for artwork in artworks]
        self.spoilers[mine] = spoilers = [artwork.spoiler for artwork in artworks]
        self.spoils[t] = any(spoilers)
        self.ready[t] = 1

    def _set_shares(self, row: Floats, shares: Shares) -> None:
        place = self.spec.viewer_place
        for of_kind in shares.values():
            for tag, share in of_kind.items():
                if tag in place:
                    row[place[tag]] = share

    def _set_open(self, index: Ints, weights: Floats, shares: Shares) -> None:
        """Fill in index and weights, [kinds, P]."""
        for k in self.spec.open_matches:
            of_kind = shares.get(self.spec.match_kinds[k], {})
            weighted = sorted(
                ((share, tag) for tag, share in of_kind.items() if tag in self._open_place), reverse=True
            )
            for p, (share, tag) in enumerate(weighted[:OPEN_TAGS_PER_ITEM]):
                index[k, p] = self._open_place[tag]
                weights[k, p] = share


class _Places(Mapping[str, int]):
    """Artwork id to place among all artworks.

    Looking an artwork up encodes its title, since its rows are about to be used.
    """

    def __init__(self, encoded: EncodedCatalog, places: Mapping[str, int]) -> None:
        self._encoded, self._places = encoded, places

    def __getitem__(self, artwork_id: str) -> int:
        place = self._places[artwork_id]
        self._encoded.need((self._encoded.title_of[place],))
        return place

    def __contains__(self, artwork_id: object) -> bool:
        return artwork_id in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def is_misleading(title: Title, artwork: Artwork) -> bool:
    """Return True if genres, or cast, of the artwork share nothing with the title's.

    A kind that is absent on one side passes.
    """
    return _is_misleading(_shares(title.tags), _shares(artwork.tags))


def _is_misleading(of_title: Shares, of_artwork: Shares) -> bool:
    for kind in MISLEADING_KINDS:
        e, g = of_artwork.get(kind), of_title.get(kind)
        if e and g and e.keys().isdisjoint(g):
            return True
    return False


def _shares(tags: Mapping[str, float]) -> Shares:
    """Return the share of each tag in its kind's weight, by kind and tag. Tags without weight are left out."""
    kinds: Shares = {}
    for tag, weight in tags.items():
        if weight > 0:
            kind = kind_of(tag)
            if kind in kinds:
                kinds[kind][tag] = weight
            else:
                kinds[kind] = {tag: weight}
    for kind, weights in kinds.items():
        if len(weights) == 1:
            kinds[kind] = dict.fromkeys(weights, 1.0)
        else:
            total = math.fsum(weights.values())
            kinds[kind] = {tag: weight / total for tag, weight in weights.items()}
    return kinds


def _fixed_match(of_title: Shares, of_artwork: Shares, spec: FeatureSpec) -> list[float]:
    """Return −½ Σ |e − g| (total variation) and −Σ e over tags that the title lacks, per match kind, else 0, [M]."""
    row = [0.0] * len(spec.match_names)
    for k, kind in enumerate(spec.match_kinds):
        e, g = of_artwork.get(kind), of_title.get(kind)
        if not e or not g:
            continue
        distance = missing = 0.0
        for tag, share in e.items():
            held = g.get(tag, 0.0)
            if share > held:
                distance += share - held  # ½ Σ |e − g| = Σ max(e − g, 0), since both add up to 1
            if not held:
                missing += share
        at = MATCHES_PER_KIND * k
        row[at + 2], row[at + 3] = -distance, -missing
    return row


def _open_tags(catalog: Catalog, spec: FeatureSpec) -> tuple[dict[str, int], Floats]:
    """Return the places of high-cardinality tags, and the share of titles that carry each (at least one entry)."""
    carriers = catalog.titles.carriers({spec.match_kinds[k] for k in spec.open_matches})
    place = {tag: i for i, tag in enumerate(sorted(carriers))}
    rarity = np.zeros(max(len(place), 1), dtype=np.float32)
    for tag, i in place.items():
        rarity[i] = carriers[tag] / len(catalog)
    return place, rarity
