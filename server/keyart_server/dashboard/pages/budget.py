"""`/budget`: what the fleet has given away of its privacy, for what, and when the rest is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from keyart.errors import KeyartError
from keyart_federated.campaigns import DeployedModel, plan

from ... import budget
from ...access import Who
from ...budget.forecast import RECENT, forecast
from ...campaigns import Campaign, records
from ...engine.asking import base_of
from ...service import Service
from ..answers import page, router
from ..charts import spending
from .campaigns import costs


def routes(service: Service) -> Sequence[APIRouter]:
    reading = router(service, "read")

    @reading.get("/budget")
    def shown(request: Request, who: Who) -> Response:
        at = service.clock()
        with service.state.reading() as session:
            left, charges = budget.of_fleet(session), budget.every(session)
            known = {campaign.id: campaign for campaign in records.every(session)}
            base = base_of(service, session)
        ahead = forecast(charges, left, at)
        paid = Counter(charge.campaign_id for charge in charges)
        added = sorted(costs(charges).items(), key=lambda item: -item[1])
        return page(
            service, request, who, "budget.html",
            budget=left,
            ahead=ahead,
            days=RECENT.days,
            chart=spending(charges, left, ahead, at),
            campaigns=[
                (known[campaign_id], paid[campaign_id], _planned(known[campaign_id], base), cost)
                for campaign_id, cost in added
            ],
            rounds=len(charges),
        )  # fmt: skip

    return (reading,)


def _planned(campaign: Campaign, base: DeployedModel | str) -> int | None:
    """The number of rounds in the campaign's plan, or None while there is no base to plan on."""
    if isinstance(base, str):
        return None
    try:
        return sum(part.rounds for part in plan(campaign, base).values())
    except KeyartError:
        return None
