"""The page `/experiments`: all experiments with their latest results."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ...access import Who
from ...campaigns import campaign_store
from ...service import Service
from ...state.tables import CampaignRow, RoundRow
from ..responses import page_router, render_page
from ..results import ResultView, parse_result_json


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route of the page."""
    reading = page_router(service, "read")

    @reading.get("/experiments")
    def experiments(request: Request, who: Who) -> Response:
        with service.state.reading() as session:
            shown = [campaign for campaign in campaign_store.list_all(session) if campaign.kind == "experiment"]
            results = newest_results(session)
        return render_page(service, request, who, "experiments.html", experiments=shown, results=results)

    return (reading,)


def newest_results(session: Session) -> dict[str, tuple[int, ResultView]]:
    """Return number and result of the latest interim analysis, by campaign."""
    newest_numbers = (
        select(RoundRow.campaign_id, func.max(RoundRow.number).label("number"))
        .join(CampaignRow, CampaignRow.id == RoundRow.campaign_id)
        .where(CampaignRow.kind == "experiment", RoundRow.standing == "done")
        .group_by(RoundRow.campaign_id)
        .subquery()
    )
    rows = select(RoundRow.campaign_id, RoundRow.number, RoundRow.result).join(
        newest_numbers,
        (newest_numbers.c.campaign_id == RoundRow.campaign_id) & (newest_numbers.c.number == RoundRow.number),
    )
    return {row[0]: (row[1], parse_result_json(row[2])) for row in session.execute(rows)}
