"""The forms of drafts: `/campaigns/ID/edit`, `…/clone` and `…/delete`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request, Response

from keyart.errors import InputError, SettingError

from ...access import Actor, Who
from ...campaigns import Campaign, campaign_store, drafts
from ...http.error_responses import found_or_404
from ...service import Service
from .. import campaign_form
from ..responses import FormFields, Id, page_router, redirect
from .campaigns_page import form_page


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of the forms."""
    operating = page_router(service, "operate")
    state, clock = service.state, service.clock

    def find(campaign_id: str) -> Campaign:
        with state.reading() as session:
            return found_or_404(campaign_store.find(session, campaign_id), "campaign")

    def edit_page(
        request: Request, who: Actor, campaign: Campaign, sent: Mapping[str, str], mistake: SettingError | None
    ) -> Response:
        status = 422 if mistake else 200
        return form_page(service, request, who, campaign.kind, sent, mistake, status, edited=campaign)

    @operating.get("/campaigns/{campaign_id}/edit")
    def edit(request: Request, who: Who, campaign_id: Id) -> Response:
        campaign = find(campaign_id)
        if campaign.state != "draft":
            sentence = f"{campaign.name} is {campaign.state}, so its settings are fixed. Clone it to change them."
            return redirect(service, who, f"/campaigns/{campaign_id}", sentence, succeeded=False)
        return edit_page(request, who, campaign, campaign_form.form_texts(campaign), None)

    @operating.post("/campaigns/{campaign_id}/edit")
    def save(request: Request, who: Who, campaign_id: Id, sent: FormFields) -> Response:
        campaign, path = find(campaign_id), f"/campaigns/{campaign_id}"
        try:
            values = campaign_form.read_form(campaign.kind, sent, json.loads(campaign.settings))
            with state.writing() as session:
                drafts.change(session, clock(), who.name, campaign_id, {"epsilon": None, **values})
        except SettingError as error:
            return edit_page(request, who, campaign, sent, error)
        except InputError as error:
            return redirect(service, who, path, str(error), succeeded=False)
        return redirect(service, who, path, f"{values['name']} is saved. It is still a draft.")

    @operating.post("/campaigns/{campaign_id}/clone")
    def clone(who: Who, campaign_id: Id) -> Response:
        with state.writing() as session:
            copy = found_or_404(drafts.clone(session, clock(), who.name, campaign_id), "campaign")
        sentence = f"{copy.name} is a draft with the same settings. Change what should differ, then start it."
        return redirect(service, who, f"/campaigns/{copy.id}/edit", sentence)

    @operating.post("/campaigns/{campaign_id}/delete")
    def delete(who: Who, campaign_id: Id) -> Response:
        try:
            with state.writing() as session:
                name = found_or_404(drafts.delete(session, clock(), who.name, campaign_id), "campaign")
        except InputError as error:
            return redirect(service, who, f"/campaigns/{campaign_id}", str(error), succeeded=False)
        return redirect(service, who, "/campaigns", f"The draft {name} is deleted.")

    return (operating,)
