"""The page `/campaigns/compare`: several campaigns beside each other, by round or by the ε that they have added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ... import budget
from ...access import Who
from ...campaigns import campaign_store
from ...releases import release_store
from ...rounds import round_store
from ...service import Service
from ..campaign_charts import MAX_COMPARED, comparison_charts
from ..campaign_kinds import KIND_TEXTS
from ..responses import page_router, render_page
from ..round_measures import runs
from .campaigns_page import MAX_CHARTED_ROUNDS


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route of the page."""
    reading = page_router(service, "read")

    @reading.get("/campaigns/compare")
    def compare(
        request: Request,
        who: Who,
        ids: Annotated[list[str] | None, Query(alias="id", max_length=100)] = None,
        by: str = "round",
    ) -> Response:
        wanted = list(dict.fromkeys(ids or []))
        with service.state.reading() as session:
            campaigns = {campaign.id: campaign for campaign in campaign_store.list_all(session)}
            chosen = [campaigns[campaign_id] for campaign_id in wanted if campaign_id in campaigns][:MAX_COMPARED]
            chosen_ids = [campaign.id for campaign in chosen]
            rounds = round_store.list_for_campaigns(session, chosen_ids, MAX_CHARTED_ROUNDS)
            charges = budget.list_charges(session)
            releases = release_store.list_for_campaigns(session, chosen_ids)
        compared = runs({campaign.id: campaign.name for campaign in chosen}, rounds, charges, releases)
        mistake = ""
        if len(wanted) > MAX_COMPARED:
            mistake = f"At most {MAX_COMPARED} campaigns can be told apart; the first {MAX_COMPARED} are shown."
        elif len(chosen) < len(wanted):
            mistake = "A campaign of this address does not exist; the others are shown."
        return render_page(
            service, request, who, "compare.html",
            campaigns=campaigns.values(),
            chosen=list(zip(chosen, compared, strict=True)),
            chosen_ids=frozenset(chosen_ids),
            by_epsilon=by == "epsilon",
            charts=comparison_charts(compared, by == "epsilon") if len(chosen) > 1 else [],
            added=budget.epsilon_by_campaign(charges),
            about=KIND_TEXTS,
            mistake=mistake,
            max_compared=MAX_COMPARED,
        )  # fmt: skip

    return (reading,)
