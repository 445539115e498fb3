"""`/experiments`: what is compared, and what can be said by now."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...access import Who
from ...campaigns import campaign_store
from ...service import Service
from ...state.tables import CampaignRow, RoundRow
from ..responses import page, router
from ..results import Told, read


def routes(service: Service) -> Sequence[APIRouter]:
    reading = router(service, "read")

    @reading.get("/experiments")
    def experiments(request: Request, who: Who) -> Response:
        with service.state.reading() as session:
            found = [one for one in campaign_store.every(session) if one.kind == "experiment"]
            told = newest_told(session)
        return page(service, request, who, "experiments.html", experiments=found, told=told)

    return (reading,)


def newest_told(session: Session) -> dict[str, tuple[int, Told]]:
    """What the last look of each experiment told, and its number, by campaign."""
    looked = (
        select(RoundRow.campaign_id, func.max(RoundRow.number).label("number"))
        .join(CampaignRow, CampaignRow.id == RoundRow.campaign_id)
        .where(CampaignRow.kind == "experiment", RoundRow.standing == "done")
        .group_by(RoundRow.campaign_id)
        .subquery()
    )
    rows = select(RoundRow.campaign_id, RoundRow.number, RoundRow.told).join(
        looked, (looked.c.campaign_id == RoundRow.campaign_id) & (looked.c.number == RoundRow.number)
    )
    return {row[0]: (row[1], read(row[2])) for row in session.execute(rows)}
