"""The button "Check" of the form for a campaign: the form again, with the judgement about its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from fastapi import APIRouter, Request, Response

from keyart.errors import SettingError

from ...access import Who
from ...campaigns import KINDS, Kind
from ...campaigns.feasibility_check import assess_campaign
from ...campaigns.new_campaign import unsaved_draft
from ...service import Service
from ..campaign_form import read_form
from ..experiment_view import experiment_check
from ..responses import FormFields, form_choice, page_router
from .campaigns_page import form_page

UNNAMED: Final = "A campaign"  # a name is not needed for a check


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route of the button."""
    operating = page_router(service, "operate")

    @operating.post("/campaigns/check")
    def judge(request: Request, who: Who, sent: FormFields) -> Response:
        """Judge the campaign that the form describes; nothing is created."""
        kind = cast(Kind, form_choice(sent, "kind", KINDS))
        try:
            values = read_form(kind, {"name": UNNAMED, **{name: text for name, text in sent.items() if text}})
            draft = unsaved_draft({**values, "kind": kind}, service.clock)
        except SettingError as error:
            return form_page(service, request, who, kind, sent, error, 422)
        with service.state.reading() as session:
            found = assess_campaign(service, session, draft)
        check = experiment_check(values, service.clock()) if kind == "experiment" else None
        return form_page(service, request, who, kind, sent, None, 200, found=found, check=check)

    return (operating,)
