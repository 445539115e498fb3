"""Rates: the mean reward of what the installed model chose, by device class and daypart.

Server side: `keyart_federated.campaigns.rates`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ...types import Doubles
from ..offer import Offer
from ..vectors import DeviceKind, VectorSource
from .evaluation import answered_decisions
from .segments import SegmentLayout, segment_vector

if TYPE_CHECKING:
    from ...catalog import Catalog
    from ...profile.event_codec import Entry
    from ...profile.profile import Profile

TOPIC: Final = "rates"


def rates(
    profile: Profile, catalog: Catalog, version: int, since: float, max_decisions: int
) -> tuple[list[Entry], Doubles]:
    """Return the latest decisions with an outcome that a model made, and their rewards, [N].

    Args:
        profile: The person's log.
        catalog: The app's catalogue.
        version: Version of the model.
        since: Unix seconds. Earlier decisions do not count.
        max_decisions: Maximum number of decisions, N.
    """
    found = [
        (entry, reward)
        for (entry, _), reward in answered_decisions(profile, catalog)
        if entry.decision.model_version == version and entry.at.timestamp() >= since
    ][-max_decisions:]
    return [entry for entry, _ in found], np.array([reward for _, reward in found])


def _layout(offer: Offer, source: VectorSource) -> SegmentLayout | None:
    return SegmentLayout.of(TOPIC, source.installed.spec) if not offer.payload else None


def _vector(offer: Offer, source: VectorSource) -> Doubles:
    spec = source.installed.spec
    entries, y = rates(source.profile, source.catalog, offer.model_version, offer.since, offer.most_decisions)
    return segment_vector(SegmentLayout.of(TOPIC, spec), spec, entries, y)


KIND: Final = DeviceKind("statistics", (TOPIC,), _layout, _vector)
