"""The route `/api/v1/experiments`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from keyart_federated.campaigns.campaign import Standing

from ..campaigns import campaign_store
from ..http.pagination import Page, Paging
from ..rounds import round_store
from ..rounds.result_resource import DifferenceResource, ResultResource, VerdictResource
from ..service import Service


class ExperimentResource(BaseModel):
    """An experiment and its latest interim analysis. Its id is that of the campaign."""

    id: str = Field(description="Identifier of the campaign.", examples=["0a1b2c3d4e5f6071"])
    name: str = Field(description="Name of the campaign.", examples=["Larger faces"])
    state: Standing = Field(description="Status of the campaign.", examples=["running"])
    rounds: int = Field(description="Number of interim analyses that are planned.", examples=[8])
    rounds_done: int = Field(description="Number of interim analyses so far.", examples=[3])
    analysed: datetime | None = Field(description="Time of the latest interim analysis; null before the first.")
    verdicts: list[VerdictResource] = Field(description="Verdict about each arm but the control.")
    effect: list[DifferenceResource] = Field(
        description="Difference of each arm from the control in the first metric, over all devices."
    )
    differences: list[DifferenceResource] = Field(description="All differences: of every metric and every group.")


class ExperimentPage(Page[ExperimentResource]):
    """One page of experiments, newest first."""


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route."""
    reading = service.guard.router("read")

    @reading.get("/api/v1/experiments", summary="List experiments")
    def list_experiments(paging: Paging) -> ExperimentPage:
        """List experiments, newest first, with verdicts and effects so far."""
        with service.state.reading() as session:
            campaigns, following = campaign_store.list_page(session, paging, kind="experiment")
            ids = [campaign.id for campaign in campaigns]
            newest, done = round_store.newest_done(session, ids), round_store.count_done(session, campaigns)
        items = []
        for campaign in campaigns:
            result = ResultResource.of(newest[campaign.id]) if campaign.id in newest else None
            differences = [] if result is None else result.differences
            main = differences[0].metric if differences else None
            items.append(
                ExperimentResource(
                    id=campaign.id,
                    name=campaign.name,
                    state=campaign.state,
                    rounds=campaign.rounds,
                    rounds_done=done[campaign.id],
                    analysed=None if result is None else result.at,
                    verdicts=[] if result is None else result.verdicts,
                    effect=[one for one in differences if one.metric == main and one.group is None],
                    differences=differences,
                )
            )
        return ExperimentPage(items=items, next=following)

    return (reading,)
