"""The page `/`: alerts, active rounds and the main figures."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select

from keyart.errors import BundleError

from ... import budget
from ...access import Who
from ...budget.forecast import forecast
from ...campaigns import campaign_store
from ...campaigns.feasibility_check import infeasible_campaigns
from ...campaigns.waiting import waiting_reasons
from ...releases import release_store
from ...rounds import round_store
from ...rounds.stage_windows import is_alive, last_heartbeats
from ...service import Service
from ...state.tables import CatalogRow, EnrolledDeviceRow
from ...webhooks import webhook_store
from .. import lineage, queries
from ..alerts import FAILURE_WINDOW, Snapshot, alerts
from ..responses import page_router, render_page
from ..round_progress import round_progress
from .first_steps_page import shown_steps

MAX_RELEASES = 50
MAX_ROUNDS = 12
_ENROLLED = select(func.count()).select_from(EnrolledDeviceRow).scalar_subquery()
_CATALOG = select(func.max(CatalogRow.number)).scalar_subquery()


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route of the page."""
    reading = page_router(service, "read")

    @reading.get("/")
    def overview(request: Request, who: Who) -> Response:
        at = service.clock()
        with service.state.reading() as session:
            campaigns_by_id = {campaign.id: campaign for campaign in campaign_store.list_all(session)}
            going_on = round_store.list_active(session)
            submitted = round_store.submissions_by_stage(session, going_on)
            failed = queries.failures(session, at - FAILURE_WINDOW)
            releases = release_store.list_all(session, limit=MAX_RELEASES)
            fleet_budget, charges = budget.fleet_budget(session), budget.list_charges(session)
            gateways = last_heartbeats(session)
            waiting = waiting_reasons(session, campaigns_by_id.values())
            webhooks = webhook_store.list_all(session)
            infeasible = infeasible_campaigns(service, session, campaigns_by_id.values())
            enrolled, catalog = session.execute(select(_ENROLLED, _CATALOG)).one()
        paused_by_server = {key: why for key, why in waiting.items() if campaigns_by_id[key].state == "paused"}
        damage, expires = "", None
        try:
            expires = service.bundles.expires()
        except BundleError as error:
            damage = str(error)
        prediction = forecast(charges, fleet_budget, at)
        snapshot = Snapshot(
            at, campaigns_by_id, going_on, failed, releases, fleet_budget, prediction, gateways, expires, damage,
            catalog is not None, paused_by_server, webhooks, infeasible,
        )  # fmt: skip
        return render_page(
            service,
            request,
            who,
            "overview.html",
            alerts=alerts(snapshot),
            first_steps=shown_steps(
                request, who, list(campaigns_by_id.values()), releases, catalog is not None, enrolled
            ),
            rounds=[
                (
                    round_,
                    campaigns_by_id.get(round_.campaign_id),
                    round_progress(round_, submitted.get(round_.id, {})),
                )
                for round_ in going_on[:MAX_ROUNDS]
            ],
            going_on=len(going_on),
            running=[campaign for campaign in campaigns_by_id.values() if campaign.state == "running"],
            blocked=waiting,
            campaigns=len(campaigns_by_id),
            budget=fleet_budget,
            forecast=prediction,
            release=lineage.newest_offered(releases),
            online=sum(is_alive(when, at) for when in gateways.values()),
            gateways=len(gateways),
            enrolled=enrolled,
        )

    return (reading,)
