"""Health routes: `/healthz` (liveness), `/readyz` (readiness) and `/metrics` (Prometheus).

All three need no token, since load balancers have none; they return states and counts only. Keep `/metrics` inside
the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from keyart.errors import KeyartError
from keyart_federated.campaigns.campaign import STANDINGS

from . import budget
from .campaigns import campaign_store
from .releases import ReleaseStatus, release_store
from .rounds import ACTIVE, ENDED, round_store, stage_windows
from .service import Service

ACTION_REQUIRED: Final[tuple[ReleaseStatus, ...]] = ("held", "waiting")


def routes(service: Service) -> Sequence[APIRouter]:
    router = APIRouter()

    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Report that the process is alive. The database is not queried, since a restart would not repair it."""
        return {"status": "ok"}

    not_ready: dict[int | str, dict[str, Any]] = {503: {"description": "Which check failed."}}

    @router.head("/readyz", include_in_schema=False)
    @router.get("/readyz", responses=not_ready)
    def readyz() -> Response:
        """Report whether the database answers and the metadata offered to devices is still valid."""
        checks = readiness(service)
        ready = all(value == "ok" for value in checks.values())
        return JSONResponse({"status": "ok" if ready else "unready", "checks": checks}, 200 if ready else 503)

    @router.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        """Return counters and timings in the Prometheus text format."""
        update_gauges(service)
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return (router,)


def readiness(service: Service) -> dict[str, str]:
    """Return, per check, `ok` or a description of the problem."""
    checks = {"database": "ok", "bundles": "ok"}
    try:
        service.state.ping()
    except SQLAlchemyError:
        checks["database"] = "does not answer"
    try:
        expires = service.bundles.expires()
    except KeyartError:
        checks["bundles"] = "timestamp.json cannot be read"
    else:
        if expires is not None and expires <= service.clock():
            checks["bundles"] = "timestamp.json has expired"
    return checks


def update_gauges(service: Service) -> None:
    """Set the gauges that are read from the database and the bundle repository."""
    metrics = service.metrics
    try:
        with service.state.reading() as session:
            campaigns_by_state, rounds_by_status = (
                campaign_store.count_by_state(session),
                round_store.count_by_status(session),
            )
            fleet_budget = budget.fleet_budget(session)
            gateways = stage_windows.list_gateways(session, service.clock() - stage_windows.SILENT_AFTER)
            awaiting_action = sum(len(release_store.list_all(session, standing)) for standing in ACTION_REQUIRED)
    except SQLAlchemyError:
        metrics.database_up.set(0)
    else:
        metrics.database_up.set(1)
        for state in STANDINGS:
            metrics.campaigns.labels(state).set(campaigns_by_state.get(state, 0))
        for standing in (*ACTIVE, "answered", *ENDED):
            metrics.rounds.labels(standing).set(rounds_by_status.get(standing, 0))
        metrics.epsilon.set(fleet_budget.spent)
        metrics.budget.set(fleet_budget.epsilon)
        metrics.gateways.set(len(gateways))
        metrics.held.set(awaiting_action)
    try:
        newest, expires = service.bundles.newest(), service.bundles.expires()
    except KeyartError:
        newest = expires = None
    metrics.bundle.set(-1 if newest is None else newest)
    metrics.expires.set(0 if expires is None else expires.timestamp())
