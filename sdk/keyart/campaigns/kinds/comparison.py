"""Comparison: how much better than the installed model a candidate would have done, by device class and daypart.

The number of a decision is doubly robust (Dudík, Langford and Li 2011, "Doubly robust policy evaluation and
learning", section 3):

    y = Σ (π_c − π_i) q + (w_c − w_i) (r − q_shown)

with the probabilities π and the weights w of candidate and installed model, replayed alike (`evaluation`), and q the
reward that the installed one expects. Both are judged on the same decisions, so that a near candidate has little
variance. Weights are clipped, and what a log hardly shows is lost with them: there q stands in. So a candidate that
differs much, for better or worse, is estimated as nearer than it is. Server side:
`keyart_federated.campaigns.comparison`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ...errors import SettingError
from ...model.eligibility import NO_AGE_LIMIT, AgeLimit
from ...types import Doubles
from ..offer import Offer
from ..vectors import DeviceKind, VectorSource
from .evaluation import MISFIT, as_candidate, candidate_model, replay_decisions
from .segments import SegmentLayout, segment_vector

if TYPE_CHECKING:
    from ...catalog import Catalog
    from ...model.loaded_model import LoadedModel
    from ...model.policy import Policy
    from ...profile.event_codec import Entry
    from ...profile.profile import Profile

TOPIC: Final = "compare"


def differences(
    candidate: LoadedModel,
    installed: LoadedModel,
    policy: Policy,
    profile: Profile,
    catalog: Catalog,
    since: float,
    max_decisions: int,
    limit: AgeLimit = NO_AGE_LIMIT,
) -> tuple[list[Entry], Doubles]:
    """Return the decisions of `evaluation.replay_decisions`, and y of each, [N]."""
    of_candidate, of_installed = (
        replay_decisions(model, policy, profile, catalog, since, max_decisions, limit)
        for model in (candidate, as_candidate(installed))
    )
    y = [
        (c.probability - i.probability) @ i.value + (c.weight - i.weight) * (i.reward - i.value[i.place])
        for c, i in zip(of_candidate, of_installed, strict=True)
    ]
    return [replayed.entry for replayed in of_installed], np.array(y, dtype=np.float64)


def _layout(offer: Offer, source: VectorSource) -> SegmentLayout | None:
    fits = source.policy is not None and candidate_model(source.installed, offer.numbers) is not None
    return SegmentLayout.of(TOPIC, source.installed.spec) if fits else None


def _vector(offer: Offer, source: VectorSource) -> Doubles:
    installed, spec = source.installed, source.installed.spec
    model, policy = candidate_model(installed, offer.numbers), source.policy
    if model is None or policy is None:
        raise SettingError(MISFIT)
    entries, y = differences(
        model, installed, policy, source.profile, source.catalog, offer.since, offer.most_decisions, source.limit
    )
    return segment_vector(SegmentLayout.of(TOPIC, spec), spec, entries, y)


KIND: Final = DeviceKind("evaluation", (TOPIC,), _layout, _vector)
