"""The health of the server: the checks of `/readyz`, and `/metrics`."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError

from keyart.errors import KeyartError

from .http.application import health_routes
from .monitoring.database_metrics import DatabaseCollector
from .monitoring.fleet_metrics import FleetCollector
from .service import Service


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the health routes of the server."""
    blocked = service.blocked if service.settings.rounds else None
    fleet = FleetCollector(service.state, service.bundles, service.clock, blocked)
    collectors = (DatabaseCollector(service.state.engine), fleet)
    return (health_routes(lambda: readiness(service), service.metrics, collectors),)


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
