"""The health of the server: the checks of `/readyz`, and the gauges of `/metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError

from keyart.errors import KeyartError
from keyart_federated.campaigns.campaign import STANDINGS

from . import budget
from .campaigns import campaign_store
from .http.application import health_routes
from .releases import ReleaseStatus, release_store
from .rounds import ACTIVE, ENDED, round_store, stage_windows
from .service import Service

ACTION_REQUIRED: Final[tuple[ReleaseStatus, ...]] = ("held", "waiting")


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the health routes of the server."""
    return (health_routes(lambda: readiness(service), service.metrics, lambda: update_gauges(service)),)


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
