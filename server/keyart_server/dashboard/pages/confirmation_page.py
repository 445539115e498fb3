"""The pages that ask before a step: `/campaigns/ID/confirm/STEP` and `/releases/VERSION/confirm/STEP`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

from ... import audit_log
from ...access import Actor, Who
from ...campaigns import Campaign, campaign_store
from ...http.error_responses import found_or_404
from ...releases import release_store, withdrawal
from ...service import Service
from .. import confirmations
from ..confirmations import Confirmation
from ..responses import Id, Version, page_router, render_page

CAMPAIGN_STEPS: Final[Mapping[str, Callable[[Campaign], Confirmation]]] = {
    "stop": confirmations.stop_campaign,
    "delete": confirmations.delete_draft,
}
RELEASE_STEPS: Final = ("promote", "withdraw")


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of the pages."""
    operating = page_router(service, "operate")

    @operating.get("/campaigns/{campaign_id}/confirm/{step}")
    def confirm_campaign_step(request: Request, who: Who, campaign_id: Id, step: str) -> Response:
        with service.state.reading() as session:
            campaign = found_or_404(campaign_store.find(session, campaign_id), "campaign")
        if step not in CAMPAIGN_STEPS:
            raise HTTPException(404, "No such page.")
        return ask(service, request, who, CAMPAIGN_STEPS[step](campaign))

    @operating.get("/releases/{version}/confirm/{step}")
    def confirm_release_step(request: Request, who: Who, version: Version, step: str) -> Response:
        if step not in RELEASE_STEPS:
            raise HTTPException(404, "No such page.")
        return ask(service, request, who, release_confirmation(service, version, step))

    return (operating,)


def release_confirmation(service: Service, version: int, step: str) -> Confirmation:
    """Return the page that asks before a step of a release. Raises 404 if there is no such release."""
    with service.state.reading() as session:
        release = found_or_404(release_store.find(session, version), "model")
        ending = [other.version for other in withdrawal.ending_with(version, release_store.list_all(session))]
    if step == "promote":
        return confirmations.promote_release(release)
    return confirmations.withdraw_release(release, ending)


def ask(
    service: Service, request: Request, who: Actor, confirmation: Confirmation, reason: str = "", error: str = ""
) -> Response:
    """Return the page, with what was sent if it was refused."""
    back, back_label = confirmation.back
    return render_page(
        service, request, who, "confirm.html", 422 if error else 200,
        heading=confirmation.heading, consequences=confirmation.consequences, button=confirmation.button,
        action=confirmation.action, back=back, back_label=back_label, asks_reason=confirmation.asks_reason,
        reason_required=confirmation.reason_required, dangerous=confirmation.dangerous,
        max_reason=audit_log.MAX_REASON_LENGTH, reason=reason, error=error,
    )  # fmt: skip
