"""Trending: which titles are played now. Device side: `keyart.campaigns.kinds.trending`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np

from keyart import Catalog
from keyart.campaigns import TRENDING_BUCKET_SECONDS, TRENDING_BUCKETS, TrendingLayout
from keyart.errors import FederatedError, InputError
from keyart_federated.experiments.play_trend import Plays

from . import honest_vectors
from .bundle_model import catalog_digest
from .campaign import Campaign
from .noise import Part, PlannedRounds, planned
from .private_sum import PrivateSum
from .protocol import DeployedModel, Finished, RoundRequest, RoundResult, Wait
from .round_offer import require_own, require_usable, unread
from .state_codec import load, pack, unpack
from .statistics import ask_again

TOPIC: Final = "trending"


def plan(campaign: Campaign, base: DeployedModel) -> dict[str, PlannedRounds]:
    """See `CampaignKind.plan`. Every round costs the same."""
    return planned(campaign, {TOPIC: Part(1.0, campaign.rounds, _layout(base).size)})


def ask(
    campaign: Campaign, state: bytes | None, number: int, failed: int, base: DeployedModel, at: datetime
) -> RoundRequest | Wait | Finished:
    """See `CampaignKind.ask`. Every round asks for the plays of the last day."""
    since = at.timestamp() - TRENDING_BUCKETS * TRENDING_BUCKET_SECONDS
    costs = plan(campaign, base)
    return ask_again(campaign, state, number, failed, base, at, topic=TOPIC, plan=costs, since=since)


def read(campaign: Campaign, state: bytes | None, summed: PrivateSum, base: DeployedModel) -> RoundResult:
    """See `CampaignKind.read`. The counts by title stay in the state, for `trending`."""
    known, data = load(state, campaign)
    require_own(campaign, summed, ("statistics", TOPIC))
    known, layout = summed.counted(known), _layout(base)
    try:
        require_usable(summed, base, layout, by_title=True, by_spec=False)
        summed.check(honest_vectors.trending(layout))
        plays = Plays.read(summed.total, layout.titles, summed.offer.units, summed.survivors, summed.variance)
    except FederatedError as error:
        return unread(known, data, error)
    trend = plays.now()
    known |= {"names": catalog_digest(base.catalog), "deviation": trend.deviation}
    result = {
        "used": True,
        "devices": summed.survivors,
        "titles": layout.titles,
        "above_noise": len(trend.weights([title.id for title in base.catalog])),
        "deviation": trend.deviation,
    }
    return RoundResult(pack(known, trend.counts.astype("<f8").tobytes()), result)


def trending(state: bytes | None, catalog: Catalog) -> list[tuple[str, float, float]]:
    """Return each title's id, its plays in the last hours (older ones count less), and the standard deviation of the
    noise in that number; the most played first.

    Args:
        state: State of a campaign about what is trending.
        catalog: The server's catalogue.

    Raises:
        InputError: The catalogue has changed since the last round.
    """
    known, data = unpack(state)
    if "names" not in known:
        return []
    if known["names"] != catalog_digest(catalog):
        raise InputError("The catalogue has changed since the last round; the next one counts the new titles.")
    counts = np.frombuffer(data, "<f8")
    order = np.argsort(-counts, kind="stable").tolist()
    return [(catalog.titles[t].id, float(counts[t]), known["deviation"]) for t in order]


def _layout(base: DeployedModel) -> TrendingLayout:
    return TrendingLayout(len(base.catalog))
