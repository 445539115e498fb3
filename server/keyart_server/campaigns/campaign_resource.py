"""A campaign as the API describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Path
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from keyart_federated.campaigns.campaign import MOVES, Action, Campaign, Kind, Standing

from .. import budget
from ..http.pagination import Page
from ..rounds import round_store
from .waiting import waiting_reasons

CampaignId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="The `id` returned on creation.")]
# The engine finishes a campaign; a person starts, pauses, resumes or stops it.
PERSON_ACTIONS: Final[tuple[Action, ...]] = ("start", "pause", "resume", "stop")


class CampaignResource(BaseModel):
    """A campaign: a goal that is reached by one or more private rounds."""

    id: str = Field(description="Identifier, 16 hexadecimal digits.", examples=["0a1b2c3d4e5f6071"])
    name: str = Field(description="Name that people gave it.", examples=["Spring"])
    kind: Kind = Field(description="What the campaign does.", examples=["training"])
    state: Standing = Field(description="Status of the campaign.", examples=["running"])
    epsilon: float | None = Field(
        description="Limit of ε for one person over all rounds; null for the default.", examples=[4.0]
    )
    delta: float | None = Field(description="The δ of that limit; null for the default.", examples=[None])
    rounds: int = Field(description="Number of rounds that are planned.", examples=[20])
    rounds_done: int = Field(description="Number of planned rounds that are done.", examples=[3])
    settings: dict[str, Any] = Field(description="Settings of its kind.", examples=[{"wanted": 5000}])
    created: datetime = Field(description="Time at which it was created.")
    changed: datetime = Field(description="Time of the last change of its status.")
    waiting: str | None = Field(
        description="Sentence that says why no round begins now; null if nothing is in the way.", examples=[None]
    )
    epsilon_charged: float = Field(description="What its rounds added to the ε of the fleet.", examples=[0.7])
    actions: list[Action] = Field(description="Actions that its status allows now.", examples=[["pause", "stop"]])


class CampaignPage(Page[CampaignResource]):
    """One page of campaigns, newest first."""


def describe_campaigns(session: Session, campaigns: Sequence[Campaign]) -> list[CampaignResource]:
    """Return campaigns as the API describes them, with a fixed number of queries."""
    ids = [campaign.id for campaign in campaigns]
    done, waiting = round_store.count_done(session, campaigns), waiting_reasons(session, campaigns)
    charged = budget.epsilon_by_campaign(budget.list_charges(session)) if ids else {}
    return [
        CampaignResource(
            id=campaign.id,
            name=campaign.name,
            kind=campaign.kind,
            state=campaign.state,
            epsilon=campaign.epsilon,
            delta=campaign.delta,
            rounds=campaign.rounds,
            rounds_done=done[campaign.id],
            settings=json.loads(campaign.settings),
            created=campaign.created,
            changed=campaign.changed,
            waiting=waiting.get(campaign.id),
            epsilon_charged=charged.get(campaign.id, 0.0),
            actions=[action for action in PERSON_ACTIONS if campaign.state in MOVES[action][0]],
        )
        for campaign in campaigns
    ]
