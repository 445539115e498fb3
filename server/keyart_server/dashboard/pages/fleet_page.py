"""The page `/fleet`: gateways, and devices as far as sums describe them."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from ...access import Who
from ...fleet.fleet_summary import RECENT, fleet_summary
from ...service import Service
from ..responses import page_router, render_page


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route of the page."""
    reading = page_router(service, "read")

    @reading.get("/fleet")
    def fleet(request: Request, who: Who) -> Response:
        with service.state.reading() as session:
            summary = fleet_summary(session, service.clock())
        return render_page(
            service, request, who, "fleet.html",
            gateways=summary.gateways,
            enrolled=summary.enrolled,
            certified=summary.certified,
            versions=[(count.version, count.devices, count.sums) for count in summary.versions],
            largest=max((count.devices for count in summary.versions), default=1),
            days=RECENT.days,
        )  # fmt: skip

    return (reading,)
