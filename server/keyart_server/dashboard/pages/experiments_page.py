"""The page `/experiments`: all experiments with their latest results."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from ...access import Who
from ...campaigns import campaign_store
from ...rounds import round_store
from ...rounds.round_result import parse_result
from ...service import Service
from ..experiment_charts import forecast_text
from ..responses import page_router, render_page


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route of the page."""
    reading = page_router(service, "read")

    @reading.get("/experiments")
    def experiments(request: Request, who: Who) -> Response:
        with service.state.reading() as session:
            shown = [campaign for campaign in campaign_store.list_all(session) if campaign.kind == "experiment"]
            newest = round_store.newest_done(session, [campaign.id for campaign in shown])
        results = {key: (round_.number, parse_result(round_.result)) for key, round_ in newest.items()}
        forecasts = {
            campaign.id: forecast_text(
                campaign, results[campaign.id][1].verdicts if campaign.id in results else (), None
            )
            for campaign in shown
        }
        return render_page(
            service, request, who, "experiments.html", experiments=shown, results=results, forecasts=forecasts
        )

    return (reading,)
