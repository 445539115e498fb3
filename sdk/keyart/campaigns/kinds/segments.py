"""Segments: one number of a device, over all of its decisions, and over those of each device class and daypart alone.

`rates` and `comparison` send it. Server side: `keyart_federated.campaigns.segments`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from ...model.features.spec import FeatureSpec
from ...types import Doubles
from ..vector_layout import VectorLayout

if TYPE_CHECKING:
    from ...profile.event_codec import Entry


ALL: Final = "all"
# Where a device's number is cut, by topic, and decisions without which it counts for less. One decision says a lot by
# chance; so few of them are not to be cut, or what is lost would be cut more than what is won.
REACH: Final[Mapping[str, float]] = {"rates": 1.0, "compare": 0.25}
MIN_SEGMENT_DECISIONS: Final[Mapping[str, int]] = {"rates": 1, "compare": 8}
# Squared shares of the norm of 1: of all decisions, the rest evenly of the segments; and within each of them.
ALL_SHARE: Final = 0.4
SHARES: Final[Mapping[str, float]] = {"devices": 0.1, "values": 0.7, "squares": 0.2}


@dataclass(frozen=True)
class SegmentLayout(VectorLayout):
    """Layout for S segments: "all", then each device class and daypart, as `FeatureSpec.context_names` has them.

    devices, values, squares [S each]: by segment n, z and z². With N decisions there, n = min(N / enough, 1) and
    z = n · mean y / reach, cut to ±1.
    """

    segments: tuple[str, ...]
    reach: float
    enough: int

    @classmethod
    def of(cls, topic: str, spec: FeatureSpec) -> SegmentLayout:
        """Return the layout of a topic, `rates` or `compare`."""
        return cls((ALL, *spec.context_names), REACH[topic], MIN_SEGMENT_DECISIONS[topic])

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Return the number of entries of each part, in order."""
        return dict.fromkeys(SHARES, len(self.segments))

    @property
    def weights(self) -> Doubles:
        """Return the factor of each entry, [size]. The squares add up to 1, since a device may be in all segments."""
        others = len(self.segments) - 1
        segments = np.array([ALL_SHARE, *[(1 - ALL_SHARE) / max(others, 1)] * others])
        return np.sqrt(np.outer(list(SHARES.values()), segments)).ravel()


def segment_vector(layout: SegmentLayout, spec: FeatureSpec, entries: Sequence[Entry], y: Doubles) -> Doubles:
    """Return the vector of one device, with a norm of at most 1, [layout.size]; zeros without decisions.

    Args:
        layout: Layout of the vector.
        spec: Feature spec of the installed model.
        entries: N decisions.
        y: The number of each decision, [N].
    """
    rows = [spec.context_row(entry.device, entry.daypart) for entry in entries]
    within = np.array(rows, dtype=np.float64).reshape(len(entries), len(spec.context_names))
    within = np.insert(within, 0, 1.0, axis=1)
    decisions = within.sum(axis=0)
    z = np.clip(y @ within / np.maximum(decisions, layout.enough) / layout.reach, -1.0, 1.0)
    return np.concatenate([np.minimum(decisions / layout.enough, 1.0), z, z**2]) * layout.weights
