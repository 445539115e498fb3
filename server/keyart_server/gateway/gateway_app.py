"""The application of a standalone gateway: the device routes and health routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

import keyart

from ..http import error_responses
from ..http.body_limits import BodyLimits
from ..http.request_metrics import RequestMetrics
from ..http.security_headers import SecurityHeaders
from ..monitoring.metrics import Metrics
from ..releases import release_store
from ..state import ServerState
from .context import GatewayContext
from .discovery import ReadOffer
from .heartbeat import heartbeat
from .rate_limits import for_direct_clients, for_proxied_clients
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
) -> FastAPI:
    """Build the application of a standalone gateway.

    Args:
        name: name of the gateway.
        issuers: public keys that certify devices.
        offered: reads the model on offer.
        tls: whether devices connect directly by https, without a proxy.

    Raises:
        SettingError: for an invalid name.
    """

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with heartbeat(state, name, clock):
            yield

    app = FastAPI(
        title="keyart gateway",
        version=keyart.__version__,
        lifespan=running,
        summary="The HTTP gateway for devices.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        responses={422: error_responses.error_schema("The request is invalid; `error` gives the reason.")},
    )
    app.include_router(_health_routes(state, metrics))
    app.include_router(
        device_routes(
            GatewayContext(
                state, name, issuers, clock, offered, for_direct_clients() if tls else for_proxied_clients()
            )
        )
    )
    error_responses.install(app, _no_page)
    app.add_middleware(BodyLimits)
    app.add_middleware(RequestMetrics, metrics=metrics)
    app.add_middleware(SecurityHeaders, hosts=None, secure=tls)
    return app


def _no_page(_: Request, status: int, sentence: str, headers: dict[str, str]) -> Response:
    return error_responses.error_json(status, sentence, headers)


def _health_routes(state: ServerState, metrics: Metrics) -> APIRouter:
    router = APIRouter()

    def reachable() -> bool:
        try:
            state.ping()
        except SQLAlchemyError:
            return False
        return True

    not_ready: dict[int | str, dict[str, Any]] = {503: {"description": "The database does not answer."}}

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Report that the process is alive."""
        return {"status": "ok"}

    @router.get("/readyz", responses=not_ready)
    def readyz() -> Response:
        """Report whether the database answers."""
        ready = reachable()
        checks = {"database": "ok" if ready else "does not answer"}
        return JSONResponse({"status": "ok" if ready else "unready", "checks": checks}, 200 if ready else 503)

    @router.get("/metrics", response_class=PlainTextResponse)
    def measured() -> Response:
        """Return counters and timings in the Prometheus text format."""
        metrics.database_up.set(reachable())
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router
