"""The application of a gateway that stands beside the server: the door, and whether it is open. Nothing else."""

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
from ..http.body_limits import Limits
from ..http.request_metrics import Requests
from ..http.security_headers import Headers
from ..monitoring.metrics import Metrics
from ..releases import release_store
from ..state import State
from .context import Door
from .discovery import Offered
from .heartbeat import heard
from .rate_limits import by_proxy, direct
from .routes import devices


def create_gateway(
    state: State,
    name: str,
    issuers: Collection[bytes],
    clock: Callable[[], datetime],
    metrics: Metrics,
    *,
    offered: Offered = release_store.offered,
    tls: bool = False,
) -> FastAPI:
    """name, issuers, offered: see `Door`. tls: devices come by https, and with their own addresses: no proxy.

    Raises SettingError for the name.
    """

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with heard(state, name, clock):
            yield

    app = FastAPI(
        title="keyart gateway",
        version=keyart.__version__,
        lifespan=running,
        summary="The door for devices.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        responses={422: error_responses.refusal("What was sent cannot be used; the sentence says why.")},
    )
    app.include_router(_health(state, metrics))
    app.include_router(devices(Door(state, name, issuers, clock, offered, direct() if tls else by_proxy())))
    error_responses.install(app, _no_page)
    app.add_middleware(Limits)
    app.add_middleware(Requests, metrics=metrics)
    app.add_middleware(Headers, hosts=None, secure=tls)
    return app


def _no_page(_: Request, status: int, sentence: str, headers: dict[str, str]) -> Response:
    return error_responses.answer(status, sentence, headers)


def _health(state: State, metrics: Metrics) -> APIRouter:
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
        """The process is alive."""
        return {"status": "ok"}

    @router.get("/readyz", responses=not_ready)
    def readyz() -> Response:
        """The database answers."""
        ready = reachable()
        checks = {"database": "ok" if ready else "does not answer"}
        return JSONResponse({"status": "ok" if ready else "unready", "checks": checks}, 200 if ready else 503)

    @router.get("/metrics", response_class=PlainTextResponse)
    def measured() -> Response:
        """Counts and times, in the text format of Prometheus."""
        metrics.database_up.set(reachable())
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router
