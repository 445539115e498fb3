"""The page `/fleet`: gateways, and devices as far as sums describe them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select

from ...access import Who
from ...rounds.stage_windows import SILENT_AFTER, last_heartbeats
from ...service import Service
from ...state.tables import EnrolledDeviceRow
from .. import queries
from ..responses import page_router, render_page

RECENT: Final = timedelta(days=28)


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route of the page."""
    reading = page_router(service, "read")

    @reading.get("/fleet")
    def fleet(request: Request, who: Who) -> Response:
        at = service.clock()
        with service.state.reading() as session:
            gateways = last_heartbeats(session)
            valid = func.count().filter(EnrolledDeviceRow.expires > at)
            enrolled, certified = session.execute(select(func.count(), valid).select_from(EnrolledDeviceRow)).one()
            recent = queries.finished_sums(session, at - RECENT)
        devices, sums = Counter[int](), Counter[int]()
        for in_sum, result_text in recent:
            version = json.loads(result_text).get("installed")
            if isinstance(version, int):
                devices[version] += in_sum
                sums[version] += 1
        return render_page(
            service, request, who, "fleet.html",
            gateways=[(name, last_heard, last_heard >= at - SILENT_AFTER) for name, last_heard in gateways.items()],
            enrolled=enrolled,
            certified=certified,
            versions=[(version, devices[version], sums[version]) for version in sorted(devices, reverse=True)],
            largest=max(devices.values(), default=1),
            days=RECENT.days,
        )  # fmt: skip

    return (reading,)
