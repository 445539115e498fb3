"""FeatureSpec: which tag stands at which place of which vector. It travels in the bundle, with its hash.

Kinds with few values (genre, palette …: closed) get places of their own. Open kinds (cast, director …: thousands
of values) get match features only, so that neither the model nor this spec grows with the catalogue.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..catalog import Catalog, kind_of
from ..context import DAYPARTS, DEVICES
from ..errors import BundleRefused

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

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
MATCHES_PER_KIND = 4  # taste × picture, taste × title, distance of picture from title, share of false promise


@dataclass(frozen=True)
class FeatureSpec:
    """Places of the vectors.

    artwork_tags [Z]: tags of pictures with weights of their own. viewer_tags [H]: title tags of closed kinds, in
    which a viewer's taste is expressed. match_kinds: kinds on both titles and pictures, compared directly.
    smoothing_views: views' worth of prior per tag. abandoned_weight: what an abandoned view counts against 1.
    sharpening: exponent of the history (learning: h^3 / Σ h^3).
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

    @classmethod
    def from_catalog(cls, catalog: Catalog) -> FeatureSpec:
        """The spec that fits a catalogue; deterministic in its tags, not in the order of its titles."""
        on_titles: dict[str, set[str]] = defaultdict(set)
        on_artworks: dict[str, set[str]] = defaultdict(set)
        for title in catalog:
            for tag in title.tags:
                on_titles[kind_of(tag)].add(tag)
            for artwork in title.artworks:
                for tag in artwork.tags:
                    on_artworks[kind_of(tag)].add(tag)
        kinds = sorted((set(on_titles) | set(on_artworks)) - SENSITIVE_KINDS)
        open_kinds = [k for k in kinds if len(on_titles[k] | on_artworks[k]) > CLOSED_KIND_TAGS]
        closed = [k for k in kinds if k not in open_kinds]
        shared = [k for k in kinds if on_titles[k] and on_artworks[k]]
        return cls(
            artwork_tags=tuple(tag for k in closed for tag in sorted(on_artworks[k])),
            viewer_tags=tuple(tag for k in closed for tag in sorted(on_titles[k])),
            match_kinds=tuple(shared),
            open_kinds=tuple(open_kinds),
        )

    @cached_property
    def artwork_place(self) -> dict[str, int]:
        return {tag: i for i, tag in enumerate(self.artwork_tags)}

    @cached_property
    def viewer_place(self) -> dict[str, int]:
        return {tag: i for i, tag in enumerate(self.viewer_tags)}

    @property
    def artwork_size(self) -> int:
        """Z, length of a picture's vector."""
        return len(self.artwork_tags)

    @property
    def viewer_size(self) -> int:
        """H, length of a viewer's taste."""
        return len(self.viewer_tags)

    @cached_property
    def viewer_kinds(self) -> tuple[str, ...]:
        """Kinds in which a viewer's taste is expressed, in order."""
        return tuple(dict.fromkeys(kind_of(tag) for tag in self.viewer_tags))

    @cached_property
    def leading_tags(self) -> tuple[str, ...]:
        """Tags of the kind that sorts viewers into bins: genre where there is one, else the first."""
        kind = "genre" if "genre" in self.viewer_kinds else next(iter(self.viewer_kinds), "")
        return tuple(tag for tag in self.viewer_tags if kind_of(tag) == kind)

    @cached_property
    def context_names(self) -> tuple[str, ...]:
        """C places: one for each device class (the last for any other word) and one for each daypart."""
        return (
            *(f"device:{name}" for name in self.devices),
            "device:other",
            *(f"daypart:{name}" for name in self.dayparts),
        )

    def context_row(self, device: str, daypart: str) -> Floats:
        """[C]: one-hot device class and daypart."""
        import numpy as np

        row = np.zeros(len(self.context_names), dtype=np.float32)
        row[self.devices.index(device) if device in self.devices else len(self.devices)] = 1.0
        row[len(self.devices) + 1 + self.dayparts.index(daypart)] = 1.0
        return row

    @cached_property
    def match_names(self) -> tuple[str, ...]:
        """M places: four for each match kind, then how far the picture answers what the viewer asked for."""
        parts = ("taste", "title-taste", "distance", "false-promise")
        return (*(f"{kind}/{part}" for kind in self.match_kinds for part in parts), "intent")

    @cached_property
    def main_names(self) -> tuple[str, ...]:
        """K places of what does not depend on the picture: it calibrates the play rate and moves no choice."""
        return (
            "intercept",
            "slot",
            "trending",
            *self.context_names,
            *(f"title/{tag}" for tag in self.viewer_tags),
        )

    @cached_property
    def direction_names(self) -> tuple[str, ...]:
        """U = 1 + H + C places of what multiplies a picture's tags: everybody, the viewer's taste, the context."""
        return ("everybody", *self.viewer_tags, *self.context_names)

    def to_json(self) -> dict[str, Any]:
        """A JSON object; `from_json` reads it."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FeatureSpec:
        """Raises BundleRefused for a spec that this version cannot compute."""
        if not isinstance(document, Mapping) or document.get("version") != VERSION:
            raise BundleRefused(
                f"The bundle's feature spec is not version {VERSION}, which this keyart computes; update keyart."
            )
        try:
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in document.items()}
            return cls(**values)
        except TypeError as error:
            raise BundleRefused(f"The bundle's feature spec cannot be read: {error}.") from None

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the canonical JSON: two devices with the same digest compute the same features."""
        canonical = json.dumps(self.to_json(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
