"""The routes under `/api/v1/campaigns`: create, list, start, pause, resume and stop."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns import checked
from keyart_federated.campaigns.campaign import MAX_NAME_LENGTH, MAX_ROUNDS, ROUNDS, Action, Kind, Standing

from .. import idempotency
from ..access import Who
from ..http.error_responses import error_schema, found_or_404
from ..http.pagination import Paging
from ..idempotency import CreatedAnswer, Once
from ..service import Service
from . import campaign_store
from .campaign_resource import PERSON_ACTIONS, CampaignId, CampaignPage, CampaignResource, describe_campaigns

ACTION_TEXTS: Final[Mapping[Action, str]] = {
    "start": "Start a draft. Its first round opens as soon as a model and a catalogue are there; see `waiting`.",
    "pause": "Pause a running campaign. An active round is completed.",
    "resume": "Resume a paused campaign.",
    "stop": "Stop a campaign permanently. An active round fails; results are kept.",
}


class NewCampaign(BaseModel):
    """Body of a request for a campaign. Unknown fields are refused: a misspelt budget must not be ignored.

    Attributes:
        name: name for people, of printable characters.
        kind: what the campaign does.
        epsilon: limit of ε for one person over all rounds; null for the default.
        delta: the δ of that limit; null for the default.
        rounds: maximum number of rounds.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False,
        json_schema_extra={"examples": [{"name": "Spring", "kind": "training", "epsilon": 4.0, "rounds": 20}]},
    )  # fmt: skip

    name: str = Field(min_length=1, max_length=MAX_NAME_LENGTH)
    kind: Kind
    epsilon: float | None = Field(
        None, gt=0, description="Limit of ε for one person over all rounds; null for the default."
    )
    delta: float | None = Field(None, gt=0, lt=1)
    rounds: int = Field(ROUNDS, ge=1, le=MAX_ROUNDS)
    settings: dict[str, Any] = Field({}, description="Settings of the kind; omitted ones take their defaults.")


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes: reading, then changing."""
    reading, operating = service.guard.router("read"), service.guard.router("operate")
    state, clock = service.state, service.clock
    missing: dict[int | str, dict[str, Any]] = {404: error_schema("No campaign has this id.")}

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
            settings = checked(new.kind, new.settings, new.epsilon, new.delta)
        except SettingError as error:
            if new.settings:
                raise HTTPException(422, str(error)) from None
            settings = "{}"  # a draft may lack required settings, but cannot be started without them
        values, at = {**new.model_dump(), "settings": settings}, clock()

        def change(session: Session) -> CreatedAnswer:
            (created,) = describe_campaigns(session, [campaign_store.create(session, at, who.name, **values)])
            return CreatedAnswer(created.model_dump_json(), f"/api/v1/campaigns/{created.id}")

        return once.create(state, at, change)

    def mover(action: Action) -> Any:
        def move(campaign_id: CampaignId, who: Who) -> CampaignResource:
            try:
                with state.writing() as session:
                    campaign = found_or_404(campaign_store.find(session, campaign_id), "campaign")
                    if action == "start":
                        settings = json.loads(campaign.settings)
                        checked(campaign.kind, settings, campaign.epsilon, campaign.delta)
                    moved = campaign_store.move(session, clock(), who.name, campaign_id, action)
                    return describe_campaigns(session, [found_or_404(moved, "campaign")])[0]
            except (InputError, SettingError) as error:
                raise HTTPException(409, str(error)) from None

        return move

    for action in PERSON_ACTIONS:
        operating.add_api_route(
            f"/api/v1/campaigns/{{campaign_id}}/{action}",
            mover(action),
            methods=["POST"],
            name=f"{action}_campaign",
            description=ACTION_TEXTS[action],
            responses={**missing, 409: error_schema("The campaign's state does not allow this.")},
        )
    return reading, operating
