"""The routes under `/api/v1/campaigns`: create, list, start, pause, resume and stop."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns import checked
from keyart_federated.campaigns.campaign import Action, Kind, Standing

from .. import idempotency
from ..access import Actor, Who
from ..http.error_responses import error_schema, found_or_404
from ..http.pagination import Paging
from ..idempotency import CreatedAnswer, Once
from ..service import Service
from . import campaign_store
from .campaign_resource import PERSON_ACTIONS, CampaignId, CampaignPage, CampaignResource, describe_campaigns
from .feasibility_check import InfeasibleCampaign, require_feasible
from .new_campaign import NewCampaign

ACTION_TEXTS: Final[Mapping[Action, str]] = {
    "pause": "Pause a running campaign. An active round is completed.",
    "resume": "Resume a paused campaign.",
    "stop": "Stop a campaign permanently. An active round fails; results are kept.",
}


class Start(BaseModel):
    """Body of a request that starts a campaign."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    force: bool = Field(False, description="Start it although it cannot finish on this fleet.")


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes: reading, then changing."""
    reading, operating = service.guard.router("read"), service.guard.router("operate")
    state, clock = service.state, service.clock
    missing: dict[int | str, dict[str, Any]] = {404: error_schema("No campaign has this id.")}
    conflict: dict[int | str, dict[str, Any]] = {409: error_schema("The campaign's state or fleet forbids this.")}

    @reading.get("/api/v1/campaigns")
    def list_campaigns(
        paging: Paging,
        standing: Annotated[
            Standing | None, Query(alias="state", description="Only campaigns with this status.")
        ] = None,
        kind: Annotated[Kind | None, Query(description="Only campaigns of this kind.")] = None,
    ) -> CampaignPage:
        """List campaigns, newest first."""
        with state.reading() as session:
            campaigns, following = campaign_store.list_page(session, paging, standing, kind)
            return CampaignPage(items=describe_campaigns(session, campaigns), next=following)

    @reading.get("/api/v1/campaigns/{campaign_id}", responses=missing)
    def show_campaign(campaign_id: CampaignId) -> CampaignResource:
        """Return one campaign."""
        with state.reading() as session:
            campaign = found_or_404(campaign_store.find(session, campaign_id), "campaign")
            return describe_campaigns(session, [campaign])[0]

    @operating.post(
        "/api/v1/campaigns", status_code=201, response_model=CampaignResource, responses=idempotency.CONFLICT
    )
    def create_campaign(new: NewCampaign, who: Who, once: Once) -> Response:
        """Create a draft; start it with a second request. After 201 it survives a power failure."""
        try:
            values = new.values()
        except SettingError as error:
            raise HTTPException(422, str(error)) from None
        at = clock()

        def change(session: Session) -> CreatedAnswer:
            (created,) = describe_campaigns(session, [campaign_store.create(session, at, who.name, **values)])
            return CreatedAnswer(created.model_dump_json(), f"/api/v1/campaigns/{created.id}")

        return once.create(state, at, change)

    @operating.post("/api/v1/campaigns/{campaign_id}/start", responses={**missing, **conflict})
    def start_campaign(campaign_id: CampaignId, who: Who, body: Start | None = None) -> CampaignResource:
        """Start a draft. Its first round opens as soon as a model and a catalogue are there; see `waiting`.

        A draft that cannot finish on this fleet starts only with `force`.
        """
        with state.reading() as session:
            campaign = found_or_404(campaign_store.find(session, campaign_id), "campaign")
            try:
                checked(campaign.kind, json.loads(campaign.settings), campaign.epsilon, campaign.delta)
                if not (body and body.force):
                    require_feasible(service, session, campaign)
            except InfeasibleCampaign as error:
                raise HTTPException(409, f'{error} Send {{"force": true}} to start it all the same.') from None
            except SettingError as error:
                raise HTTPException(409, str(error)) from None
        return moved(campaign_id, who, "start")

    def moved(campaign_id: str, who: Actor, action: Action) -> CampaignResource:
        try:
            with state.writing() as session:
                campaign = campaign_store.move(session, clock(), who.name, campaign_id, action)
                return describe_campaigns(session, [found_or_404(campaign, "campaign")])[0]
        except InputError as error:
            raise HTTPException(409, str(error)) from None

    def mover(action: Action) -> Callable[..., CampaignResource]:
        def move(campaign_id: CampaignId, who: Who) -> CampaignResource:
            return moved(campaign_id, who, action)

        return move

    for action in PERSON_ACTIONS[1:]:
        operating.add_api_route(
            f"/api/v1/campaigns/{{campaign_id}}/{action}",
            mover(action),
            methods=["POST"],
            name=f"{action}_campaign",
            description=ACTION_TEXTS[action],
            responses={**missing, **conflict},
        )
    return reading, operating
