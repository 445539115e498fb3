"""The common part of every application: shared headers, limits, metrics, error responses and health routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import keyart

from ..monitoring.metrics import Metrics
from . import error_responses
from .body_limits import BodyLimits
from .openapi_document import complete_document
from .request_ids import RequestIds
from .request_metrics import RequestMetrics
from .security_headers import SecurityHeaders

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def build_application(
    title: str,
    summary: str,
    routers: Iterable[APIRouter],
    lifespan: Lifespan,
    page: error_responses.ErrorPage,
    metrics: Metrics,
    *,
    hosts: frozenset[str] | None,
    secure: bool,
    proxy: str | None = None,
) -> FastAPI:
    """Build an application.

    `page` renders an error for a browser, `hosts` and `secure` go to `SecurityHeaders`. `proxy` is the IP address of
    the proxy in front, whose `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Request-Id` are believed.
    """
    app = FastAPI(
        title=title,
        summary=summary,
        version=keyart.__version__,
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from other servers
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        responses={422: error_responses.error_schema("The request is invalid; `detail` gives the reason.")},
    )
    for router in routers:
        app.include_router(router)
    error_responses.install(app, page)
    generate = app.openapi
    app.openapi = lambda: app.openapi_schema or complete_document(generate())  # type: ignore[method-assign]
    app.add_middleware(BodyLimits)
    app.add_middleware(RequestMetrics, metrics=metrics)
    app.add_middleware(SecurityHeaders, hosts=hosts, secure=secure)
    if proxy is not None:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=proxy)
    app.add_middleware(RequestIds, proxy=proxy)  # outermost: it compares the address of the connection
    return app


def health_routes(
    checks: Callable[[], Mapping[str, str]], metrics: Metrics, collectors: Sequence[Collector] = ()
) -> APIRouter:
    """Return `/healthz` (liveness), `/readyz` (readiness) and `/metrics` (Prometheus).

    All three need no token, since load balancers have none; they return states and counts only. Keep `/metrics`
    inside the network. `checks` returns, per check, `ok` or a description of the problem; `collectors` are read at
    each scrape.
    """
    router = APIRouter()
    not_ready: dict[int | str, dict[str, Any]] = {503: {"description": "Which check failed."}}

    @router.head("/healthz", include_in_schema=False)
    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Report that the process is alive. The database is not queried, since a restart would not repair it."""
        return {"status": "ok"}

    @router.head("/readyz", include_in_schema=False)
    @router.get("/readyz", responses=not_ready)
    def readyz() -> Response:
        """Report whether the process can serve: the database answers, and what it offers to devices is valid."""
        results = checks()
        ready = all(result == "ok" for result in results.values())
        return JSONResponse({"status": "ok" if ready else "unready", "checks": results}, 200 if ready else 503)

    @router.get("/metrics", name="metrics", response_class=PlainTextResponse)
    def prometheus() -> Response:
        """Return the metrics of this process in the Prometheus text format."""
        return Response(metrics.text(collectors), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router
