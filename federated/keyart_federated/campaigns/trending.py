"""Trending: which titles are played now. Device side: `keyart.campaigns.kinds.trending`.

Each round asks several sub-cohorts, one after the other, and a title's plays are the median of theirs, so that no
single device makes a title trend, nor hides one that does (`sub_cohorts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from keyart import Catalog
from keyart.campaigns import TRENDING_BUCKET_SECONDS, TRENDING_BUCKETS, TrendingLayout
from keyart.errors import FederatedError, InputError
from keyart_federated.experiments.play_trend import Plays, Trend

from ..types import Doubles
from . import honest_vectors
from .bundle_model import catalog_digest
from .campaign import Campaign
from .noise import Part, PlannedRounds, planned
from .private_sum import PrivateSum
from .protocol import DeployedModel, Finished, RoundRequest, RoundResult, Wait
from .round_offer import require_own, require_usable, unread
from .settings import settings_of
from .state_codec import load, pack, unpack
from .statistics import StatisticsSettings, ask_again

TOPIC: Final = "trending"


@dataclass(frozen=True)
class CohortPlays:
    """Plays by title in the last hours, of one sub-cohort.

    Attributes:
        cohort: Number of the sub-cohort, from 0.
        devices: Number of devices in it.
        deviation: Standard deviation of the noise in each count.
        counts: Plays by title, [T].
    """

    cohort: int
    devices: int
    deviation: float
    counts: Doubles


def plan(campaign: Campaign, base: DeployedModel) -> dict[str, PlannedRounds]:
    """See `CampaignKind.plan`. Every round costs the same."""
    return planned(campaign, {TOPIC: Part(1.0, campaign.rounds, _layout(base).size, _cohorts(campaign))})


def ask(
    campaign: Campaign, state: bytes | None, number: int, failed: int, base: DeployedModel, at: datetime
) -> RoundRequest | Wait | Finished:
    """See `CampaignKind.ask`. Every round asks for the plays of the last day."""
    since = at.timestamp() - TRENDING_BUCKETS * TRENDING_BUCKET_SECONDS
    costs, cohorts = plan(campaign, base), _cohorts(campaign)
    return ask_again(campaign, state, number, failed, base, at, topic=TOPIC, plan=costs, since=since, cohorts=cohorts)


def read(campaign: Campaign, state: bytes | None, summed: PrivateSum, base: DeployedModel) -> RoundResult:
    """See `CampaignKind.read`. The counts by title stay in the state, for `trending`."""
    known, data = load(state, campaign)
    require_own(campaign, summed, ("statistics", TOPIC))
    known, layout, cohorts = summed.counted(known), _layout(base), _cohorts(campaign)
    try:
        require_usable(summed, base, layout, by_title=True, by_spec=False)
        summed.check(honest_vectors.trending(layout))
        plays = Plays.read(summed.total, layout.titles, summed.offer.units, summed.survivors, summed.variance)
    except FederatedError as error:
        return unread(known, data, error)
    own, names, published = plays.now(), catalog_digest(base.catalog), _published(known, data)
    mark = f"{known.get('turn', 0)} {names}"
    found = _collected(known, data) if cohorts > 1 and known.get("collecting") == mark else []
    found.append(CohortPlays(summed.about.get("cohort", 0), summed.survivors, own.deviation, own.counts))
    result: dict[str, Any] = {"used": True, "devices": sum(one.devices for one in found), "titles": layout.titles}
    if cohorts > 1:
        result["cohorts"] = len(found)
    trend = median_trend(found, cohorts)
    if trend is not None:
        published = trend.counts
        known |= {"names": names, "deviation": trend.deviation}
        result |= {
            "above_noise": len(trend.weights([title.id for title in base.catalog])),
            "deviation": trend.deviation,
        }
    known |= {
        "published": len(published),
        "collecting": mark,
        "collected": [[one.cohort, one.devices, one.deviation] for one in found],
    }
    counts = np.concatenate([published, *(one.counts for one in found)])
    return RoundResult(pack(known, counts.astype("<f8").tobytes()), result)


def median_trend(found: Sequence[CohortPlays], cohorts: int) -> Trend | None:
    """Return the trend of all sub-cohorts together; None while fewer than half of them have answered.

    A title's plays are the median over sub-cohorts of the plays a device, times all devices; one that has not
    answered counts as the lowest. The deviation is that of the loudest single sub-cohort: the median of honest ones
    has less noise, but a hostile one may choose among them.
    """
    missing = cohorts - len(found)
    if missing > cohorts // 2:
        return None
    devices = sum(one.devices for one in found)
    shares = np.sort([one.counts / one.devices for one in found], axis=0)
    deviation = max(one.deviation / one.devices for one in found)
    return Trend(np.asarray(shares[cohorts // 2 - missing]) * devices, deviation * devices)


def trending(state: bytes | None, catalog: Catalog) -> list[tuple[str, float, float]]:
    """Return the plays of each title in the last hours, the most played first.

    A title comes as its id, its plays (older ones count less), and the standard deviation of the noise in them.

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
    counts = _published(known, data)
    order = np.argsort(-counts, kind="stable").tolist()
    return [(catalog.titles[t].id, float(counts[t]), known["deviation"]) for t in order]


def _layout(base: DeployedModel) -> TrendingLayout:
    return TrendingLayout(len(base.catalog))


def _cohorts(campaign: Campaign) -> int:
    return settings_of(campaign, StatisticsSettings).sub_cohorts


def _published(known: Mapping[str, Any], data: bytes) -> Doubles:
    """Return the plays that `trending` shows, by title; none before the first result."""
    counts = np.frombuffer(data, "<f8")
    return counts[: known.get("published", len(counts))]


def _collected(known: Mapping[str, Any], data: bytes) -> list[CohortPlays]:
    """Return the plays of the sub-cohorts that have answered in this round."""
    rows = np.split(np.frombuffer(data, "<f8")[known["published"] :], len(known["collected"]))
    return [
        CohortPlays(cohort, devices, deviation, counts)
        for (cohort, devices, deviation), counts in zip(known["collected"], rows, strict=True)
    ]
