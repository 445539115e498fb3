"""Comparison: the two requests that judge a candidate.

Both are rounds of the campaign that made it, charged to the parts "comparison" and "guard" of its plan.

Before anybody has the candidate, held-out devices replay their decisions: how much better would it have done? While
it is rolled out, those that have it and those that do not send what came of their artworks. Device side:
`keyart.campaigns.kinds.comparison` and `rates`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from keyart.campaigns import SegmentLayout
from keyart.errors import RoundFailed, SettingError

from . import honest_vectors, segments
from .bundle_model import payload_of
from .campaign import Campaign
from .findings import KnownFleet
from .noise import total_rounds
from .private_sum import PrivateSum
from .protocol import DeployedModel, RoundRequest
from .registry import SETTINGS, plan
from .rollout_plan import UNKNOWN_FLEET, RolloutPlan
from .round_offer import HOUR, request_round, require_usable
from .segments import SegmentEstimate
from .settings import HELD_OUT, Cohort, settings_of
from .sub_cohorts import bucket_range
from .training import TrainingSettings

COMPARED_HOURS: Final = 336.0  # before the round, whose decisions are replayed
MAX_DECISIONS: Final = 400


def compares(campaign: Campaign) -> bool:
    """Return whether a campaign's candidates are compared on devices before they roll out. Raises SettingError."""
    return campaign.kind == "training" and settings_of(campaign, TrainingSettings).gates > 0


def rollout_plan_of(campaign: Campaign | None, fleet: KnownFleet = UNKNOWN_FLEET) -> RolloutPlan:
    """Return how a campaign's candidates reach the fleet. Raises SettingError.

    Args:
        campaign: The campaign; None for an uploaded bundle, which is rolled out as one with default settings.
        fleet: The fleet, to which stages are fitted that the campaign does not give.
    """
    settings = (
        TrainingSettings.model_validate({}) if campaign is None else settings_of(campaign, SETTINGS[campaign.kind])
    )
    if not isinstance(settings, Cohort):
        return RolloutPlan()
    plan = settings.rollout if isinstance(settings, TrainingSettings) else RolloutPlan()
    if isinstance(settings, TrainingSettings) and (settings.stages or not settings.gates):
        return plan
    return plan.fitted(fleet, settings.minimum_of_cohort, settings.sub_cohorts)


def cohorts_of(campaign: Campaign) -> int:
    """Return how many sub-cohorts judge each candidate of a campaign. Raises SettingError."""
    settings = settings_of(campaign, SETTINGS[campaign.kind])
    return settings.sub_cohorts if isinstance(settings, Cohort) else 1


def request_comparison(
    candidate: Path, base: DeployedModel, campaign: Campaign, number: int, at: datetime, cohort: int = 0
) -> RoundRequest:
    """Return the request that compares a candidate with the base, by segment, on a sub-cohort of held-out devices.

    Each candidate is compared once in each of `cohorts_of` sub-cohorts.

    Args:
        candidate: Folder of the candidate's bundle.
        base: What the fleet runs on.
        campaign: The campaign that made it.
        number: A number that is free among the campaign's rounds.
        at: The time now.
        cohort: Number of the sub-cohort, from 0.

    Raises:
        SettingError: The campaign sets no ε aside.
        BundleError: The candidate cannot be read.
    """
    return _request(
        campaign,
        base,
        at,
        "comparison",
        (0.0, HELD_OUT, cohort),
        kind="evaluation",
        topic="compare",
        number=number,
        since=max(0, int(at.timestamp() - COMPARED_HOURS * HOUR)),
        payload=payload_of(candidate, base.catalog),
    )


def request_guard(
    version: int,
    base: DeployedModel,
    campaign: Campaign,
    number: int,
    at: datetime,
    since: datetime,
    cohort: int = 0,
) -> RoundRequest:
    """Return the request for the mean reward a decision, by segment, on a sub-cohort of the devices with a version.

    `guard_rounds` of the roll-out plan are charged for each candidate and device; more of them cost more than the
    campaign's ε.

    Args:
        version: Version of the candidate, or of the base to compare with.
        base: What the fleet runs on.
        campaign: The campaign that made the candidate.
        number: A number that is free among the campaign's rounds.
        at: The time now.
        since: Earlier decisions do not count.
        cohort: Number of the sub-cohort, from 0.

    Raises:
        SettingError: The campaign sets no ε aside.
    """
    return _request(
        campaign,
        replace(base, version=version),
        at,
        "guard",
        (0.0, 1.0, cohort),
        kind="statistics",
        topic="rates",
        number=number,
        since=int(since.timestamp()),
    )


def read_comparison(summed: PrivateSum, base: DeployedModel) -> dict[str, SegmentEstimate]:
    """Return the estimates of a sub-cohort by segment, "all" first; `sub_cohorts.combined` takes those of all.

    After `request_comparison` they say how much more reward a decision the candidate would have had than the base;
    after `request_guard`, the reward a decision of the version that it asked about.

    Raises:
        SumRefused: Honest devices do not make the sum.
        RoundFailed: The sum is of another kind or feature spec, or of too few devices.
    """
    topics = {("evaluation", "compare"), ("statistics", "rates")}
    if (summed.offer.kind, summed.offer.topic) not in topics:
        raise RoundFailed(f"A sum of kind {summed.offer.kind!r}, topic {summed.offer.topic!r}, judges no candidate.")
    layout = SegmentLayout.of(summed.offer.topic, base.spec)
    require_usable(summed, base, layout, by_title=False)
    summed.check(honest_vectors.segments(layout, signed=summed.offer.topic == "compare"))
    return segments.estimate(summed.total, layout, summed.offer.units, summed.survivors, summed.variance)


def _request(
    campaign: Campaign,
    base: DeployedModel,
    at: datetime,
    purpose: str,
    asked: tuple[float, float, int],
    **about: Any,
) -> RoundRequest:
    """Return a request to a sub-cohort: the number in `asked`, after the range of buckets that all of them are in."""
    settings, costs = settings_of(campaign, SETTINGS[campaign.kind]), plan(campaign, base)
    if purpose not in costs or not isinstance(settings, Cohort):
        raise SettingError("The campaign sets no ε aside to judge candidates; give its setting 'gates' a share.")
    low, high = bucket_range(*asked, settings.sub_cohorts)
    return request_round(
        campaign,
        settings,
        base,
        at,
        costs[purpose].event,
        planned=total_rounds(costs),
        wanted=settings.wanted_of_cohort,
        low=low,
        high=high,
        minimum_devices=settings.minimum_of_cohort,
        most_decisions=MAX_DECISIONS,
        **about,
    )
