"""The routes that change, delete and clone campaigns: `PATCH`, `DELETE` and `POST …/clone`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns import checked
from keyart_federated.campaigns.campaign import MAX_NAME_LENGTH, MAX_ROUNDS

from .. import idempotency
from ..access import Who
from ..http.error_responses import error_schema, found_or_404
from ..idempotency import CreatedAnswer, Once
from ..service import Service
from . import campaign_store, drafts
from .campaign_resource import CampaignId, CampaignResource, describe_campaigns


class DraftChange(BaseModel):
    """Body of a change of a draft: what is left out stays. A setting that is null takes its default again."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    name: str | None = Field(None, min_length=1, max_length=MAX_NAME_LENGTH, description="Name for people.")
    epsilon: float | None = Field(None, gt=0, description="Limit of ε for one person over all rounds.")
    delta: float | None = Field(None, gt=0, lt=1, description="The δ of that limit.")
    rounds: int | None = Field(None, ge=1, le=MAX_ROUNDS, description="Maximum number of rounds.")
    settings: dict[str, Any] = Field({}, description="Settings of the kind that change.")


class CloneRequest(BaseModel):
    """Body of a request for a clone."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field("", max_length=MAX_NAME_LENGTH, description='By default "Copy of" and the campaign\'s name.')


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes, all for operators."""
    operating = service.guard.router("operate")
    state, clock = service.state, service.clock
    missing: dict[int | str, dict[str, Any]] = {404: error_schema("No campaign has this id.")}
    no_draft: dict[int | str, dict[str, Any]] = {409: error_schema("The campaign is no draft.")}

    @operating.patch("/api/v1/campaigns/{campaign_id}", responses={**missing, **no_draft})
    def change_campaign(campaign_id: CampaignId, change: DraftChange, who: Who) -> CampaignResource:
        """Change a draft."""
        given = change.model_dump(exclude_unset=True)
        try:
            with state.writing() as session:
                campaign = found_or_404(campaign_store.find(session, campaign_id), "campaign")
                if "settings" in given:
                    merged = {**json.loads(campaign.settings), **given["settings"]}
                    kept = {name: value for name, value in merged.items() if value is not None}
                    budget = given.get("epsilon", campaign.epsilon), given.get("delta", campaign.delta)
                    given["settings"] = checked(campaign.kind, kept, *budget)
                for name in ("name", "rounds"):
                    if name in given and given[name] is None:
                        del given[name]
                changed = found_or_404(drafts.change(session, clock(), who.name, campaign_id, given), "campaign")
                return describe_campaigns(session, [changed])[0]
        except SettingError as error:
            raise HTTPException(422, str(error)) from None
        except InputError as error:
            raise HTTPException(409, str(error)) from None

    @operating.delete("/api/v1/campaigns/{campaign_id}", status_code=204, responses={**missing, **no_draft})
    def delete_campaign(campaign_id: CampaignId, who: Who) -> None:
        """Delete a draft. A campaign that was started stays, with its results."""
        try:
            with state.writing() as session:
                found_or_404(drafts.delete(session, clock(), who.name, campaign_id), "campaign")
        except InputError as error:
            raise HTTPException(409, str(error)) from None

    @operating.post(
        "/api/v1/campaigns/{campaign_id}/clone",
        status_code=201,
        response_model=CampaignResource,
        responses={**missing, **idempotency.CONFLICT},
    )
    def clone_campaign(campaign_id: CampaignId, who: Who, once: Once, body: CloneRequest | None = None) -> Response:
        """Create a draft with the settings of a campaign, whatever its state."""
        at, name = clock(), "" if body is None else body.name

        def change(session: Session) -> CreatedAnswer:
            clone = found_or_404(drafts.clone(session, at, who.name, campaign_id, name), "campaign")
            (created,) = describe_campaigns(session, [clone])
            return CreatedAnswer(created.model_dump_json(), f"/api/v1/campaigns/{created.id}")

        return once.create(state, at, change)

    return (operating,)
