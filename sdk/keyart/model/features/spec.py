"""FeatureSpec: the place of each tag in each vector. It travels in the bundle, with its hash.

Low-cardinality kinds (genre, palette …) get places of their own. High-cardinality kinds (cast, director …: thousands
of values; "open" in the spec) get interaction features only, so that neither the model nor this spec grows with the
catalogue. Embeddings are read as tags of one more low-cardinality kind (`embedding`).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...catalog import EMBEDDING_KIND, Artwork, Catalog, Title, folded_kind, kind_of
from ...context import DAYPARTS, DEVICES
from ...errors import BundleRefused
from .embedding import EmbeddingAxes

if TYPE_CHECKING:
    from ...types import Floats


VERSION = 1
CLOSED_KIND_TAGS = 64  # a kind with more values than this is open
SENSITIVE_KINDS = frozenset(
    {
        "age",
        "disability",
        "ethnicity",
        "gender",
        "health",
        "nationality",
        "politics",
        "race",
        "religion",
        "sexuality",
    }
)  # never used to personalise, whatever a catalogue holds
# The most texts of each list, and the range of each number, that a spec from outside may have.
_MAX_TEXTS = {
    "artwork_tags": 4096,
    "viewer_tags": 4096,
    "match_kinds": 256,
    "open_kinds": 256,
    "devices": 64,
    "dayparts": len(DAYPARTS),
}
_MAX_TEXT_CHARACTERS = 256  # characters
_RANGES = {"smoothing_views": (1e-3, 1e3), "abandoned_weight": (1e-3, 1.0), "sharpening": (0.1, 10.0)}
MATCHES_PER_KIND = 4  # taste × picture, taste × title, distance of picture from title, share of false promise


def is_sensitive(tag: str) -> bool:
    """Return True for a tag, or a kind, of a sensitive kind, however it is spelt."""
    return folded_kind(tag) in SENSITIVE_KINDS


class _ContextRows(dict[tuple[Any, str], Any]):
    """Rows by device and daypart. A device that is not listed gets the row of None."""

    def __missing__(self, key: tuple[Any, str]) -> Any:
        if key[0] is None:
            raise KeyError(key)
        return self[None, key[1]]


@dataclass(frozen=True)
class FeatureSpec:
    """The places of the feature vectors.

    Attributes:
        artwork_tags: Tags of artworks with weights of their own, [Z].
        viewer_tags: Title tags of low-cardinality kinds that express a viewer's taste, [H].
        match_kinds: Kinds on both titles and artworks, which are compared directly.
        open_kinds: High-cardinality kinds.
        devices: Device classes.
        dayparts: Dayparts.
        smoothing_views: Prior views per tag.
        abandoned_weight: Weight of an abandoned view, against 1.
        sharpening: Exponent of the history (h^3 / Σ h^3).
        version: Version of the spec.
        embedding: Axes by which embeddings become tags; None if the catalogue has none.
    """

    artwork_tags: tuple[str, ...]
    viewer_tags: tuple[str, ...]
    match_kinds: tuple[str, ...]
    open_kinds: tuple[str, ...]
    devices: tuple[str, ...] = DEVICES
    dayparts: tuple[str, ...] = DAYPARTS
    smoothing_views: float = 0.35
    abandoned_weight: float = 0.4
    sharpening: float = 3.0
    version: int = VERSION
    embedding: EmbeddingAxes | None = None

    @classmethod
    def from_catalog(cls, catalog: Catalog) -> FeatureSpec:
        """Return the spec that fits a catalogue's tags and embeddings, in whichever order its titles come."""
        on_titles: dict[str, set[str]] = defaultdict(set)
        on_artworks: dict[str, set[str]] = defaultdict(set)
        embedding = EmbeddingAxes.of_catalog(catalog)
        for by_kind, tags in zip((on_titles, on_artworks), catalog.titles.tags(), strict=True):
            for tag in tags:
                by_kind[kind_of(tag)].add(tag)
        if embedding is not None:
            on_titles[EMBEDDING_KIND].update(embedding.tag_names)
            on_artworks[EMBEDDING_KIND].update(embedding.tag_names)
        kinds = sorted(kind for kind in {*on_titles, *on_artworks} if not is_sensitive(kind))
        open_kinds = [k for k in kinds if len(on_titles[k] | on_artworks[k]) > CLOSED_KIND_TAGS]
        closed = [k for k in kinds if k not in open_kinds]
        shared = [k for k in kinds if on_titles[k] and on_artworks[k]]
        return cls(
            artwork_tags=tuple(tag for k in closed for tag in sorted(on_artworks[k])),
            viewer_tags=tuple(tag for k in closed for tag in sorted(on_titles[k])),
            match_kinds=tuple(shared),
            open_kinds=tuple(open_kinds),
            embedding=embedding,
        )

    def tags_of(self, entry: Title | Artwork) -> Mapping[str, float]:
        """Return the tags by which the model knows a title or an artwork: its own, and those of its embedding."""
        return entry.tags if self.embedding is None else self.embedding.tags_of(entry)

    @cached_property
    def artwork_place(self) -> dict[str, int]:
        """Return the place of each tag of artworks."""
        return {tag: i for i, tag in enumerate(self.artwork_tags)}

    @cached_property
    def viewer_place(self) -> dict[str, int]:
        """Return the place of each tag of a viewer's taste."""
        return {tag: i for i, tag in enumerate(self.viewer_tags)}

    @property
    def artwork_size(self) -> int:
        """Return Z, the length of an artwork's vector."""
        return len(self.artwork_tags)

    @property
    def viewer_size(self) -> int:
        """Return H, the length of a viewer's taste."""
        return len(self.viewer_tags)

    @cached_property
    def viewer_kinds(self) -> tuple[str, ...]:
        """Return the kinds that express a viewer's taste, in order."""
        return tuple(dict.fromkeys(kind_of(tag) for tag in self.viewer_tags))

    @cached_property
    def leading_tags(self) -> tuple[str, ...]:
        """Return the tags of the kind that sorts viewers into bins: genre if there is one, else the first."""
        kind = "genre" if "genre" in self.viewer_kinds else next(iter(self.viewer_kinds), "")
        return tuple(tag for tag in self.viewer_tags if kind_of(tag) == kind)

    @cached_property
    def context_names(self) -> tuple[str, ...]:
        """Return the C places of the context: one for each device class (the last for any other) and daypart."""
        return (
            *(f"device:{name}" for name in self.devices),
            "device:other",
            *(f"daypart:{name}" for name in self.dayparts),
        )

    def context_row(self, device: str, daypart: str) -> Floats:
        """Return one-hot device class and daypart, [C]: read-only, the same array for the same context."""
        return self.context_rows[device, daypart]

    @cached_property
    def context_rows(self) -> Mapping[tuple[str, str], Floats]:
        """Return `context_row` by device and daypart; any word is a device."""
        import numpy as np

        rows = _ContextRows()
        for device, name in enumerate((*self.devices, None)):
            for place, daypart in enumerate(self.dayparts):
                row = np.zeros(len(self.context_names), dtype=np.float32)
                row[[device, len(self.devices) + 1 + place]] = 1.0
                row.flags.writeable = False
                rows[name, daypart] = row
        return rows

    @cached_property
    def viewer_members(self) -> Floats:
        """Return which viewer tags are of which kind, [kinds of viewer tags, H] of 0 and 1."""
        return self._members(self.viewer_kinds)

    @cached_property
    def match_members(self) -> Floats:
        """Return which viewer tags are of which match kind, [match kinds, H] of 0 and 1."""
        return self._members(self.match_kinds)

    def _members(self, kinds: Sequence[str]) -> Floats:
        import numpy as np

        of_tags = [kind_of(tag) for tag in self.viewer_tags]
        rows = [[kind == name for kind in of_tags] for name in kinds]
        return np.array(rows, dtype=np.float32).reshape(len(kinds), len(of_tags))

    @cached_property
    def open_matches(self) -> tuple[int, ...]:
        """Return the places of high-cardinality kinds among the match kinds."""
        return tuple(k for k, kind in enumerate(self.match_kinds) if kind in self.open_kinds)

    @cached_property
    def match_names(self) -> tuple[str, ...]:
        """Return the M places of interaction features: four for each match kind, then intent."""
        parts = ("taste", "title-taste", "distance", "false-promise")
        return (*(f"{kind}/{part}" for kind in self.match_kinds for part in parts), "intent")

    @cached_property
    def main_names(self) -> tuple[str, ...]:
        """Return the K places of main effects. They calibrate the play rate and change no choice."""
        return (
            "intercept",
            "slot",
            "trending",
            *self.context_names,
            *(f"title/{tag}" for tag in self.viewer_tags),
        )

    @cached_property
    def direction_names(self) -> tuple[str, ...]:
        """Return the U = 1 + H + C places of what multiplies an artwork's tags: everybody, taste and context."""
        return ("everybody", *self.viewer_tags, *self.context_names)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `from_json` reads."""
        document = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        if self.embedding is None:  # a reader that knows no embeddings reads such a spec, too
            del document["embedding"]
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FeatureSpec:
        """Read a spec.

        Raises:
            BundleRefused: This version cannot compute the spec, or it names a sensitive kind.
        """
        version = document.get("version") if isinstance(document, Mapping) else None
        if type(version) is not int or version != VERSION:
            raise BundleRefused(
                f"The bundle's feature spec is not version {VERSION}, which this keyart computes; update keyart."
            )
        known = {field.name for field in fields(cls)}
        if unknown := sorted(str(name)[:40] for name in set(document) - known):
            raise BundleRefused(f"This keyart does not know {unknown[0]!r} of the feature spec; update keyart.")
        if missing := sorted(known - {"embedding"} - set(document)):
            raise _refused(f"lacks {', '.join(missing)}")
        values: dict[str, Any] = {name: _texts(name, document[name], most) for name, most in _MAX_TEXTS.items()}
        values |= {name: _number(name, document[name], *between) for name, between in _RANGES.items()}
        embedding = document.get("embedding")
        spec = cls(**values, embedding=None if embedding is None else EmbeddingAxes.from_json(embedding))
        spec._check_kinds()
        return spec

    def _check_kinds(self) -> None:
        """Check that the kinds agree with each other, that all dayparts are there, and that nothing is sensitive."""
        for name in _MAX_TEXTS:
            if named := next(filter(is_sensitive, getattr(self, name)), None):
                raise _refused(f"names {named[:40]!r}, a sensitive kind, by which keyart never personalises")
        if sorted(self.dayparts) != sorted(DAYPARTS):
            raise _refused(f"must have the dayparts {', '.join(DAYPARTS)}")
        on_artworks, on_viewers = set(map(kind_of, self.artwork_tags)), set(map(kind_of, self.viewer_tags))
        kinds, open_kinds = {*self.match_kinds, *self.open_kinds}, set(self.open_kinds)
        if named := next((kind for kind in sorted(kinds) if kind != kind_of(kind)), None):
            raise _refused(f"has a tag, {named[:40]!r}, among its kinds")
        if in_both := sorted(open_kinds & (on_artworks | on_viewers)):
            raise _refused(f"gives places to tags of {in_both[0][:40]!r}, which it calls an open kind")
        if lost := sorted(set(self.match_kinds) - open_kinds - (on_artworks & on_viewers)):
            raise _refused(f"matches by {lost[0][:40]!r}, a closed kind without tags on pictures and on titles")

    def __hash__(self) -> int:
        """Return the hash of the digest, which is worked out once; that of the fields takes as long as a choice."""
        return hash(self.sha256)

    @cached_property
    def sha256(self) -> str:
        """Return the hex digest of the canonical JSON: devices with the same digest compute the same features."""
        canonical = json.dumps(self.to_json(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def _refused(why: str) -> BundleRefused:
    return BundleRefused(f"The bundle's feature spec {why}. Build the bundle again.")


def _texts(name: str, value: Any, most: int) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > most:
        raise _refused(f"must have, as {name!r}, a list of at most {most:,} texts")
    for text in value:
        if not isinstance(text, str) or not 0 < len(text) <= _MAX_TEXT_CHARACTERS or not text.strip():
            raise _refused(f"has, in {name!r}, something else than a text of 1 to {_MAX_TEXT_CHARACTERS} characters")
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise _refused(f"has, in {name!r}, a text that is not Unicode")
    if len(set(value)) != len(value):
        raise _refused(f"has, in {name!r}, a text twice")
    return tuple(value)


def _number(name: str, value: Any, low: float, high: float) -> float:
    if type(value) not in (int, float) or not low <= value <= high:  # a NaN is in no range
        raise _refused(f"must have, as {name!r}, a number in {low:g}–{high:g}")
    number: float = value
    return number
