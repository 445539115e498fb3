"""Segments: one number of a device, over all of its decisions, and over those of each device class and daypart alone.

For rates, y is the reward of what the installed model chose. To compare, it is how much better a candidate would have
done, doubly robust (Dudík, Langford and Li 2011, "Doubly robust policy evaluation and learning", section 3):

    y = Σ (π_c − π_i) q + (w_c − w_i) (r − q_shown)

with the probabilities π and the weights w of candidate and installed model, replayed alike (`evaluation`), and q the
reward that the installed one expects. Both are judged on the same decisions, so that a near candidate has little
variance. Weights are cut, and what a log hardly shows is lost with them: there q stands in. So a candidate that
differs much, for better or worse, is read as nearer than it is. Server side:
`keyart_federated.campaigns.segment_estimate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from ...model.features.spec import FeatureSpec
from ..vector_layout import Places
from .evaluation import answered, as_candidate, judged

if TYPE_CHECKING:
    from ...catalog import Catalog
    from ...model.loaded_model import LoadedModel
    from ...model.policy import Policy
    from ...profile.event_codec import Entry
    from ...profile.profile import Profile

Doubles = npt.NDArray[np.float64]

ALL: Final = "all"
# Where a device's number is cut, by topic, and decisions without which it counts for less. One decision says a lot by
# chance; so few of them are not to be cut, or what is lost would be cut more than what is won.
REACH: Final[Mapping[str, float]] = {"rates": 1.0, "compare": 0.25}
ENOUGH: Final[Mapping[str, int]] = {"rates": 1, "compare": 8}
# Squared shares of the norm of 1: of all decisions, the rest evenly of the segments; and within each of them.
ALL_SHARE: Final = 0.4
SHARES: Final[Mapping[str, float]] = {"devices": 0.1, "values": 0.7, "squares": 0.2}


@dataclass(frozen=True)
class SegmentLayout(Places):
    """devices, values, squares [S each]: by segment n, z and z². With N decisions there, n = min(N / enough, 1) and
    z = n · mean y / reach, cut to ±1. segments: "all", then each device class and daypart, as
    `FeatureSpec.context_names` has them."""

    segments: tuple[str, ...]
    reach: float
    enough: int

    @classmethod
    def of(cls, topic: str, spec: FeatureSpec) -> SegmentLayout:
        """topic: `rates` or `compare`."""
        return cls((ALL, *spec.context_names), REACH[topic], ENOUGH[topic])

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        return dict.fromkeys(SHARES, len(self.segments))

    @property
    def weights(self) -> Doubles:
        """[size]: what each entry is multiplied by. Their squares add up to 1: a device may be in all segments."""
        others = len(self.segments) - 1
        segments = np.array([ALL_SHARE, *[(1 - ALL_SHARE) / max(others, 1)] * others])
        return np.sqrt(np.outer(list(SHARES.values()), segments)).ravel()


def segment_vector(layout: SegmentLayout, spec: FeatureSpec, entries: Sequence[Entry], y: Doubles) -> Doubles:
    """[layout.size], no longer than 1. entries: N decisions; y [N]: of each. None: zeros."""
    rows = [spec.context_row(entry.device, entry.daypart) for entry in entries]
    within = np.array(rows, dtype=np.float64).reshape(len(entries), len(spec.context_names))
    within = np.insert(within, 0, 1.0, axis=1)
    decisions = within.sum(axis=0)
    z = np.clip(y @ within / np.maximum(decisions, layout.enough) / layout.reach, -1.0, 1.0)
    return np.concatenate([np.minimum(decisions / layout.enough, 1.0), z, z**2]) * layout.weights


def rates(profile: Profile, catalog: Catalog, version: int, since: float, most: int) -> tuple[list[Entry], Doubles]:
    """The latest `most` decisions since then (Unix seconds) that model `version` made and something came of, and
    their rewards [N]."""
    found = [
        (entry, reward)
        for (entry, _), reward in answered(profile, catalog)
        if entry.decision.model_version == version and entry.at.timestamp() >= since
    ][-most:]
    return [entry for entry, _ in found], np.array([reward for _, reward in found])


def differences(
    candidate: LoadedModel,
    installed: LoadedModel,
    policy: Policy,
    profile: Profile,
    catalog: Catalog,
    since: float,
    most: int,
) -> tuple[list[Entry], Doubles]:
    """The decisions that `evaluation.judged` finds, and y of each [N]."""
    theirs, ours = (
        judged(model, policy, profile, catalog, since, most) for model in (candidate, as_candidate(installed))
    )
    y = [
        (c.probability - i.probability) @ i.value + (c.weight - i.weight) * (i.reward - i.value[i.place])
        for c, i in zip(theirs, ours, strict=True)
    ]
    return [one.entry for one in ours], np.array(y, dtype=np.float64)
