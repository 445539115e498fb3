"""The routes that judge a campaign before it costs anything: a stored one, and one that is not stored yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from keyart.errors import SettingError
from keyart_federated.campaigns.settings import MAX_DEVICES

from ..http.error_responses import error_schema, found_or_404
from ..service import Service
from . import campaign_store
from .campaign_resource import CampaignId
from .feasibility_check import assess_campaign
from .feasibility_resource import FeasibilityResource
from .new_campaign import NewCampaign, unsaved_draft

Devices = Annotated[
    int | None, Query(ge=1, le=1000 * MAX_DEVICES, description="Size of the fleet, if the server does not know it.")
]


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes, which only read."""
    reading = service.guard.router("read")
    missing: dict[int | str, dict[str, Any]] = {404: error_schema("No campaign has this id.")}

    @reading.get("/api/v1/campaigns/{campaign_id}/feasibility", responses=missing)
    def show_feasibility(campaign_id: CampaignId, devices: Devices = None) -> FeasibilityResource:
        """Tell whether a campaign can finish on this fleet, and how precise its results will be."""
        with service.state.reading() as session:
            campaign = found_or_404(campaign_store.find(session, campaign_id), "campaign")
            return FeasibilityResource.of(assess_campaign(service, session, campaign, devices))

    @reading.post("/api/v1/feasibility")
    def check_campaign(new: NewCampaign, devices: Devices = None) -> FeasibilityResource:
        """Judge a campaign that is not stored; nothing is created."""
        try:
            campaign = unsaved_draft(new.values(), service.clock)
        except SettingError as error:
            raise HTTPException(422, str(error)) from None
        with service.state.reading() as session:
            return FeasibilityResource.of(assess_campaign(service, session, campaign, devices))

    return (reading,)
