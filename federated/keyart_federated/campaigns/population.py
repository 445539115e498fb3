"""Population: who there is, by device class, daypart and history. Device side: `keyart.campaigns.kinds.population`.

A training campaign asks the same question in its first round, and draws simulated viewers from the answer
(`keyart_federated.learning.viewer_population`).
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final

import numpy as np

from keyart.campaigns import POPULATION_PART_SCALES, PopulationLayout, population_part_norm
from keyart.errors import FederatedError
from keyart.model import FeatureSpec

from . import honest_vectors
from .campaign import Campaign
from .noise import Part, PlannedRounds, planned
from .private_sum import PrivateSum
from .protocol import DeployedModel, Finished, RoundRequest, RoundResult, Wait
from .round_offer import require_own, require_usable, unread
from .state_codec import load, pack
from .statistics import ask_again

TOPIC: Final = "population"


def plan(campaign: Campaign, base: DeployedModel) -> dict[str, PlannedRounds]:
    """See `CampaignKind.plan`. Every round costs the same."""
    return planned(campaign, {TOPIC: Part(1.0, campaign.rounds, layout(base).size)})


def ask(
    campaign: Campaign, state: bytes | None, number: int, failed: int, base: DeployedModel, at: datetime
) -> RoundRequest | Wait | Finished:
    """See `CampaignKind.ask`."""
    return ask_again(campaign, state, number, failed, base, at, topic=TOPIC, plan=plan(campaign, base))


def read(campaign: Campaign, state: bytes | None, summed: PrivateSum, base: DeployedModel) -> RoundResult:
    """See `CampaignKind.read`. Each round is estimated by itself."""
    known, data = load(state, campaign)
    require_own(campaign, summed, ("statistics", TOPIC))
    known, places = summed.counted(known), layout(base)
    try:
        require_usable(summed, base, places, by_title=True)
        summed.check(honest_vectors.population(places))
    except FederatedError as error:
        return unread(known, data, error)
    shares = _shares(places, base.spec, summed)
    return RoundResult(pack(known, data), {"used": True, "devices": summed.survivors, **shares})


def layout(base: DeployedModel) -> PopulationLayout:
    """Return the layout of the vectors."""
    return PopulationLayout(base.spec, len(base.catalog))


def _shares(places: PopulationLayout, spec: FeatureSpec, summed: PrivateSum) -> dict[str, Any]:
    """Return shares of decisions by situation, and of devices with a history, with the noise in each."""
    parts = places.parts(summed.total.astype(np.float64))
    unit = summed.offer.units * population_part_norm() * summed.survivors
    context = parts["contexts"].reshape(-1, len(spec.dayparts)) / unit * POPULATION_PART_SCALES["contexts"]
    whole = max(float(context.sum()), 1e-9)
    deviation = math.sqrt(summed.variance) / unit
    return {
        "history": float(parts["taste"][-1]) / unit * POPULATION_PART_SCALES["taste"],
        "error": deviation * POPULATION_PART_SCALES["taste"],
        "contexts": dict(
            zip(spec.context_names, [*(context.sum(1) / whole), *(context.sum(0) / whole)], strict=True)
        ),
        "contexts_error": deviation * POPULATION_PART_SCALES["contexts"] * math.sqrt(max(context.shape)) / whole,
    }
