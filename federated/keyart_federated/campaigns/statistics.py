"""Statistics: the kind of campaign that asks one question again and again. Its topic says which (`TOPICS`).

Each topic is a module of this package with its own `plan`, `ask` and `read`; they share the settings and the way of
asking that stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from .campaign import Campaign
from .noise import PlannedRounds, total_rounds
from .protocol import DeployedModel, Finished, RoundRequest, Wait
from .round_offer import early, request_round
from .settings import Cohort, Hours, Line, settings_of
from .state_codec import load
from .sub_cohorts import CohortTurn


class StatisticsSettings(Cohort):
    """Settings of a campaign of statistics, whatever its topic."""

    purpose: Line = Field("Find out what is watched, and how often a picture is right.")
    topic: Literal["rates", "trending", "population", "co-watch"] = Field("rates", description="What is counted.")
    window: Hours = Field(24.0, description="Hours before the round that the rates cover.")
    most_decisions: int = Field(400, ge=1, le=100_000, description="Latest decisions of a device that count.")


def ask_again(
    campaign: Campaign,
    state: bytes | None,
    number: int,
    failed: int,
    base: DeployedModel,
    at: datetime,
    *,
    topic: str,
    plan: Mapping[str, PlannedRounds],
    since: float = 0.0,
    cohorts: int = 1,
    **about: Any,
) -> RoundRequest | Wait | Finished:
    """Return the next round of a campaign that asks the same question in each.

    Args:
        campaign: The campaign.
        state: As in `CampaignKind.ask`, like the next four.
        number: Number of the round.
        failed: Rounds that were charged and never read.
        base: What the fleet runs on.
        at: The time now.
        topic: Topic of the offer, and purpose of its rounds in the plan.
        plan: Plan of the campaign.
        since: Unix seconds. What was before is not asked for.
        cohorts: Sub-cohorts that are asked one after the other in each round.
        about: As in `request_round`.
    """
    settings = settings_of(campaign, StatisticsSettings)
    known, _ = load(state, campaign)
    done = known.get("done", 0)
    turn = CohortTurn.after(done + failed, cohorts)
    if turn.round_ >= campaign.rounds:
        return Finished({"rounds": done // cohorts})
    waits = early(known, settings, at) if turn.opens else None
    if waits is not None:
        return waits
    if cohorts > 1:
        about |= turn.request(settings, known, at)
    return request_round(
        campaign,
        settings,
        base,
        at,
        plan[topic].event,
        kind="statistics",
        topic=topic,
        number=number,
        planned=total_rounds(plan),
        since=max(0, int(since)),
        most_decisions=settings.most_decisions,
        **{"wanted": settings.wanted, **about},
    )
