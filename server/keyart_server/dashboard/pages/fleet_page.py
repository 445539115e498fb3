"""`/fleet`: gateways, and devices as far as sums tell of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select

from ...access import Who
from ...rounds.stage_windows import SILENT
from ...service import Service
from ...state.tables import EnrolledRow
from .. import queries
from ..responses import page, router

RECENT: Final = timedelta(days=28)


def routes(service: Service) -> Sequence[APIRouter]:
    reading = router(service, "read")

    @reading.get("/fleet")
    def fleet(request: Request, who: Who) -> Response:
        at = service.clock()
        with service.state.reading() as session:
            gateways = queries.gateways(session)
            valid = func.count().filter(EnrolledRow.expires > at)
            enrolled, current = session.execute(select(func.count(), valid).select_from(EnrolledRow)).one()
            recent = queries.sums(session, at - RECENT)
        devices, sums = Counter[int](), Counter[int]()
        for in_sum, told in recent:
            version = json.loads(told).get("installed")
            if isinstance(version, int):
                devices[version] += in_sum
                sums[version] += 1
        return page(
            service, request, who, "fleet.html",
            gateways=[(name, heard, heard >= at - SILENT) for name, heard in gateways.items()],
            enrolled=enrolled,
            current=current,
            versions=[(version, devices[version], sums[version]) for version in sorted(devices, reverse=True)],
            most=max(devices.values(), default=1),
            days=RECENT.days,
        )  # fmt: skip

    return (reading,)
