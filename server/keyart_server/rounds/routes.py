"""The routes `/api/v1/campaigns/ID/rounds` and `/api/v1/campaigns/ID/results`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter

from ..campaigns import campaign_store
from ..campaigns.campaign_resource import CampaignId
from ..http.error_responses import error_schema, found_or_404
from ..http.pagination import Paging
from ..service import Service
from . import round_store
from .result_resource import ResultPage, ResultResource
from .round_resource import RoundPage, describe_rounds


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes."""
    reading, state = service.guard.router("read"), service.state
    missing: dict[int | str, dict[str, Any]] = {404: error_schema("No campaign has this id.")}

    @reading.get("/api/v1/campaigns/{campaign_id}/rounds", summary="List rounds", responses=missing)
    def list_rounds(campaign_id: CampaignId, paging: Paging) -> RoundPage:
        """List the rounds of a campaign, newest first, with their progress and what they cost."""
        with state.reading() as session:
            found_or_404(campaign_store.find(session, campaign_id), "campaign")
            rounds, following = round_store.list_page(session, paging, campaign_id)
            return RoundPage(items=describe_rounds(session, campaign_id, rounds), next=following)

    @reading.get("/api/v1/campaigns/{campaign_id}/results", summary="List results", responses=missing)
    def list_results(campaign_id: CampaignId, paging: Paging) -> ResultPage:
        """List what a campaign read from its rounds, newest first.

        Rates that noise drowns are included with their intervals. The result of a round that compares releases
        stands with the release, as a gate.
        """
        with state.reading() as session:
            campaign = found_or_404(campaign_store.find(session, campaign_id), "campaign")
            rounds, following = round_store.list_page(session, paging, campaign_id, "done")
        items = [ResultResource.of(round_) for round_ in rounds]
        return ResultPage(items=items, next=following, campaign=campaign.id, kind=campaign.kind)

    return (reading,)
