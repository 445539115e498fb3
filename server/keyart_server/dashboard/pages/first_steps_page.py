"""The form that dismisses the checklist of a new server: in this browser, for a year."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request, Response

from ...access import Actor, Who
from ...campaigns import Campaign
from ...releases.release import UNPUBLISHED, Release
from ...service import Service
from ..first_steps import COOKIE, DISMISSED, FirstStep, ServerContents, first_steps
from ..responses import page_router, redirect

DISMISSED_SECONDS: Final = 365 * 24 * 3600


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route of the form."""
    operating = page_router(service, "operate")

    @operating.post("/first-steps/dismiss")
    def dismiss(who: Who) -> Response:
        response = redirect(service, who, "/", "The list of first steps is dismissed in this browser.")
        response.set_cookie(
            COOKIE, DISMISSED, DISMISSED_SECONDS, httponly=True, secure=service.settings.secure, samesite="strict"
        )
        return response

    return (operating,)


def shown_steps(
    request: Request,
    who: Actor,
    campaigns: Sequence[Campaign],
    releases: Sequence[Release],
    catalog: bool,
    enrolled: int,
) -> list[FirstStep]:
    """Return the checklist; nothing once it is done, after it was dismissed in this browser, or for a viewer.

    Args:
        request: the request for the page.
        who: the reader.
        campaigns: all campaigns, newest first.
        releases: the newest releases, newest first.
        catalog: whether the server has a catalogue.
        enrolled: number of enrolled devices.
    """
    if request.cookies.get(COOKIE) == DISMISSED or not who.has_scope("operate"):
        return []
    pending = [release.version for release in releases if release.standing in {*UNPUBLISHED, "rolling", "held"}]
    drafts = [campaign.id for campaign in campaigns if campaign.state == "draft"]
    contents = ServerContents(
        catalog=catalog,
        released=any(release.standing == "released" for release in releases),
        pending=pending[0] if pending else None,
        enrolled=enrolled,
        draft=drafts[0] if drafts else "",
        started=sum(campaign.state in ("running", "paused", "done") for campaign in campaigns),
    )
    return first_steps(contents, who.scopes)
