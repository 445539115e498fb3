"""The page `/budget`: the privacy budget spent, by campaign, and when it is exhausted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from keyart.errors import KeyartError
from keyart_federated.campaigns import DeployedModel, plan

from ... import budget
from ...access import Who
from ...budget import epsilon_by_campaign
from ...budget.forecast import PACE_WINDOW, forecast
from ...campaigns import Campaign, campaign_store
from ...releases.deployed_model import current_base
from ...service import Service
from ..budget_chart import budget_chart
from ..responses import page_router, render_page


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route of the page."""
    reading = page_router(service, "read")

    @reading.get("/budget")
    def shown(request: Request, who: Who) -> Response:
        at = service.clock()
        with service.state.reading() as session:
            fleet_budget, charges = budget.fleet_budget(session), budget.list_charges(session)
            campaigns_by_id = {campaign.id: campaign for campaign in campaign_store.list_all(session)}
            base = current_base(service, session)
        prediction = forecast(charges, fleet_budget, at)
        rounds_charged = Counter(charge.campaign_id for charge in charges)
        costs = sorted(epsilon_by_campaign(charges).items(), key=lambda item: -item[1])
        return render_page(
            service, request, who, "budget.html",
            budget=fleet_budget,
            forecast=prediction,
            days=PACE_WINDOW.days,
            chart=budget_chart(charges, fleet_budget, prediction, at),
            campaigns=[
                (campaigns_by_id[key], rounds_charged[key], _planned(campaigns_by_id[key], base), cost)
                for key, cost in costs
            ],
            rounds=len(charges),
        )  # fmt: skip

    return (reading,)


def _planned(campaign: Campaign, base: DeployedModel | str) -> int | None:
    """Return the number of rounds in the campaign's plan, or None while there is no base to plan on."""
    if isinstance(base, str):
        return None
    try:
        return sum(part.rounds for part in plan(campaign, base).values())
    except KeyartError:
        return None
