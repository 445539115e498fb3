"""The application of a standalone gateway: the device routes and health routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import FastAPI, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from ..http.application import build_application, health_routes
from ..http.error_responses import error_json
from ..monitoring.database_metrics import DatabaseCollector, PingCollector, watch_database
from ..monitoring.metrics import Metrics
from ..releases import release_store
from ..state import ServerState
from .context import GatewayContext
from .discovery import ReadOffer
from .heartbeat import heartbeat
from .rate_limits import for_direct_clients, for_proxied_clients
from .revocations import Revocations
from .routes import device_routes


def create_gateway(
    state: ServerState,
    name: str,
    issuers: Collection[bytes],
    clock: Callable[[], datetime],
    metrics: Metrics,
    *,
    offered: ReadOffer = release_store.offered,
    tls: bool = False,
    revoked: Revocations | None = None,
) -> FastAPI:
    """Build the application of a standalone gateway.

    Args:
        state: the server's database.
        name: name of the gateway.
        issuers: public keys that certify devices.
        clock: returns the current time, with zone.
        metrics: the metrics of this process.
        offered: reads the model on offer.
        tls: whether devices connect directly by https, without a proxy.
        revoked: the issuer's revocation list.

    Raises:
        SettingError: for an invalid name.
    """

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with heartbeat(state, name, clock):
            yield

    def reachable() -> bool:
        try:
            state.ping()
        except SQLAlchemyError:
            return False
        return True

    watch_database(state.engine, metrics)
    rates = for_direct_clients() if tls else for_proxied_clients()
    health = health_routes(
        lambda: {"database": "ok" if reachable() else "does not answer"},
        metrics,
        (DatabaseCollector(state.engine), PingCollector(reachable)),
    )
    return build_application(
        "keyart gateway",
        "The HTTP gateway for devices.",
        [health, device_routes(GatewayContext(state, name, issuers, clock, offered, rates, metrics, revoked))],
        running,
        _no_page,
        metrics,
        hosts=None,
        secure=tls,
    )


def _no_page(_: Request, status: int, sentence: str, headers: dict[str, str]) -> Response:
    return error_json(status, sentence, headers)
