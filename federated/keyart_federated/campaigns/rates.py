"""Rates: how often an artwork is right, by device class and daypart. Device side: `keyart.campaigns.kinds.rates`."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from keyart.campaigns import Offer, SegmentLayout
from keyart.errors import FederatedError
from keyart_federated.experiments import Boundary

from . import honest_vectors, segments
from .campaign import Campaign
from .noise import Part, PlannedRounds, planned
from .private_sum import PrivateSum
from .protocol import DeployedModel, Finished, RoundRequest, RoundResult, Wait
from .round_offer import HOUR, require_own, require_usable, unread
from .segments import SegmentEstimate
from .settings import settings_of
from .state_codec import load, pack
from .statistics import StatisticsSettings, ask_again

TOPIC: Final = "rates"
LEVEL: Final = 0.05  # chance that a segment's interval is ever wrong
SPREAD: Final = 0.25  # of devices' rates, about: where intervals are to be narrow
Numbers = dict[str, float | None]


def plan(campaign: Campaign, base: DeployedModel) -> dict[str, PlannedRounds]:
    """See `CampaignKind.plan`. Every round costs the same."""
    return planned(campaign, {TOPIC: Part(1.0, campaign.rounds, layout(base).size)})


def ask(
    campaign: Campaign, state: bytes | None, number: int, failed: int, base: DeployedModel, at: datetime
) -> RoundRequest | Wait | Finished:
    """See `CampaignKind.ask`. Every round asks for the decisions of the hours before it."""
    since = at.timestamp() - settings_of(campaign, StatisticsSettings).window * HOUR
    costs = plan(campaign, base)
    return ask_again(campaign, state, number, failed, base, at, topic=TOPIC, plan=costs, since=since)


def read(campaign: Campaign, state: bytes | None, summed: PrivateSum, base: DeployedModel) -> RoundResult:
    """See `CampaignKind.read`. The intervals hold after every round at once."""
    settings = settings_of(campaign, StatisticsSettings)
    known, data = load(state, campaign)
    require_own(campaign, summed, ("statistics", TOPIC))
    known, places = summed.counted(known), layout(base)
    try:
        require_usable(summed, base, places, by_title=False)
        summed.check(honest_vectors.segments(places, signed=False))
        found = segments.estimate(summed.total, places, summed.offer.units, summed.survivors, summed.variance)
    except FederatedError as error:
        return unread(known, data, error)
    sums = {name: _added(known.get("sums", {}).get(name), estimate) for name, estimate in found.items()}
    noise = _noise(places, summed.offer, settings.wanted)
    rates = {
        name: _interval(sums[name], campaign.rounds, settings.wanted, noise[name]) | _last(estimate)
        for name, estimate in found.items()
    }
    result = {"used": True, "devices": summed.survivors, "segments": rates}
    return RoundResult(pack(known | {"sums": sums}, data), result)


def layout(base: DeployedModel) -> SegmentLayout:
    """Return the layout of the vectors."""
    return SegmentLayout.of(TOPIC, base.spec)


def _added(before: list[float] | None, estimate: SegmentEstimate) -> list[float]:
    """Return Σ n, Σ n m and Σ n² s² over the rounds so far: devices, mean and standard error of each."""
    total = before or [0.0, 0.0, 0.0]
    if not math.isfinite(estimate.standard_error):
        return total
    n = estimate.devices
    return [a + b for a, b in zip(total, (n, n * estimate.mean, (n * estimate.standard_error) ** 2), strict=True)]


def _noise(places: SegmentLayout, offer: Offer, wanted: int) -> dict[str, float]:
    """Return by segment the variance that noise alone gives the sum of values of so many devices."""
    values = places.parts(places.weights)["values"]
    return {
        name: offer.variance * wanted * (places.reach / (offer.units * float(weight))) ** 2
        for name, weight in zip(places.segments, values, strict=True)
    }


def _interval(sums: list[float], rounds: int, wanted: int, noise: float) -> Numbers:
    """Return the mean rate of all rounds so far, with a confidence sequence: it holds after each of them at once."""
    n, rewards, _ = sums
    if n <= 0:
        return {"rate": None, "low": None, "high": None}
    half = half_width(sums, rounds * (wanted * SPREAD**2 + noise))
    rate = rewards / n
    return {"rate": rate, "low": max(0.0, rate - half), "high": min(1.0, rate + half)}


def half_width(sums: list[float], expected: float) -> float:
    """Return half the width of the confidence sequence of a mean rate.

    Args:
        sums: Sums over rounds, as in the campaign's state; the first must be above 0.
        expected: Variance of the sum of values after the last round, for which the sequence is narrowest.
    """
    n, _, variance = sums
    return float(Boundary.best_at(expected, LEVEL).reach(variance)) / n


def _last(estimate: SegmentEstimate) -> Numbers:
    """Return the estimate of this round alone."""
    if not math.isfinite(estimate.standard_error):
        return {"last": None, "error": None, "devices": estimate.devices}
    return {"last": estimate.mean, "error": estimate.standard_error, "devices": estimate.devices}
