"""The routes `/api/v1/budget` and `/api/v1/budget/charges`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from keyart_federated.accounting.ledger import event_json

from ..campaigns import campaign_store
from ..http.pagination import Page, Paging
from ..service import Service
from . import charges
from .forecast import forecast, rounds_left


class CampaignCost(BaseModel):
    """The ε that the rounds of one campaign added to that of the fleet."""

    id: str = Field(description="Identifier of the campaign.", examples=["0a1b2c3d4e5f6071"])
    name: str = Field(description="Name of the campaign.", examples=["Spring"])
    epsilon: float = Field(description="ε that its rounds added.", examples=[0.7])


class ForecastResource(BaseModel):
    """How long the budget lasts if rounds go on as they are."""

    epsilon_per_day: float = Field(description="Rate of spending.", examples=[0.05])
    next_round_epsilon: float = Field(description="ε that another round like the last one adds.", examples=[0.04])
    rounds_left: int | None = Field(
        description="Number of rounds like the last one that still fit; null before the first charge.", examples=[40]
    )
    exhausted_at: datetime | None = Field(description="Time at which nothing is left; null if it is not in sight.")


class BudgetResource(BaseModel):
    """The privacy budget of the fleet."""

    epsilon: float = Field(description="Limit of ε for one person, over all campaigns.", examples=[8.0])
    delta: float = Field(description="The δ of that limit.", examples=[1e-6])
    spent: float = Field(description="ε spent so far.", examples=[1.25])
    left: float = Field(description="ε that is left.", examples=[6.75])
    by_campaign: list[CampaignCost] = Field(description="What each campaign cost, the most expensive first.")
    forecast: ForecastResource


class ChargeResource(BaseModel):
    """A charged round."""

    campaign_id: str = Field(description="Campaign of the round.", examples=["0a1b2c3d4e5f6071"])
    number: int = Field(description="Number of the round in its campaign.", examples=[3])
    at: datetime = Field(description="Time of the charge.")
    spent: float = Field(description="ε of the fleet after the charge.", examples=[1.25])
    mechanism: dict[str, Any] = Field(description="Mechanism that the accountant composed.")
    low: float = Field(description="Lower end of the range [low, high) of sampling buckets.", examples=[0.0])
    high: float = Field(description="Upper end of that range.", examples=[0.5])


class ChargePage(Page[ChargeResource]):
    """One page of charges, newest first."""


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes."""
    reading, state = service.guard.router("read"), service.state

    @reading.get("/api/v1/budget", summary="Show the privacy budget")
    def show_budget() -> BudgetResource:
        """Return the limit, what is spent, by which campaign, and how long the rest lasts."""
        with state.reading() as session:
            fleet, charged = charges.fleet_budget(session), charges.list_charges(session)
            costs = charges.epsilon_by_campaign(charged)
            names = campaign_store.names(session, costs)
        prediction = forecast(charged, fleet, service.clock())
        return BudgetResource(
            epsilon=fleet.epsilon,
            delta=fleet.delta,
            spent=fleet.spent,
            left=fleet.left,
            by_campaign=[
                CampaignCost(id=key, name=names[key], epsilon=cost)
                for key, cost in sorted(costs.items(), key=lambda item: -item[1])
            ],
            forecast=ForecastResource(
                epsilon_per_day=prediction.epsilon_per_day,
                next_round_epsilon=prediction.next_round_epsilon,
                rounds_left=rounds_left(charged, fleet),
                exhausted_at=prediction.exhausted_at,
            ),
        )

    @reading.get("/api/v1/budget/charges", summary="List charges")
    def list_budget_charges(paging: Paging) -> ChargePage:
        """List the charged rounds, newest first. A round is charged before a masked update can leave a device."""
        with state.reading() as session:
            charged, following = charges.list_page(session, paging)
        items = [
            ChargeResource(
                campaign_id=charge.campaign_id,
                number=charge.number,
                at=charge.at,
                spent=charge.spent,
                mechanism=event_json(charge.event),
                low=charge.low,
                high=charge.high,
            )
            for charge in charged
        ]
        return ChargePage(items=items, next=following)

    return (reading,)
