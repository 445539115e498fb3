"""The server application: the routes of every package behind shared headers, limits and metrics.

`create_app(service)` needs a service whose state is open; `serve` builds one from settings.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from keyart.errors import KeyartError

from . import health
from .access import oidc_pages, second_factor_pages, sign_in_pages
from .access import routes as access_routes
from .budget import routes as budget_routes
from .bundles import routes as bundle_routes
from .campaigns import draft_routes, feasibility_routes
from .campaigns import routes as campaign_routes
from .catalogs import routes as catalog_routes
from .dashboard import rendering
from .dashboard import routes as dashboard_routes
from .experiments import routes as experiment_routes
from .fleet import routes as fleet_routes
from .gateway import routes as gateway_routes
from .gateway.heartbeat import heartbeat
from .gateway.rate_limits import for_direct_clients, for_proxied_clients
from .http.application import build_application
from .issuer.issuer_metrics import IssuerMetrics
from .issuer.routes import issuer_routes
from .releases import routes as release_routes
from .rounds import routes as round_routes
from .service import Service
from .webhooks import routes as webhook_routes

log = logging.getLogger("keyart.server")
REFRESH_SECONDS = 6 * 3600  # a signed timestamp is valid for a day
RETRY_SECONDS = 600
HEADINGS = {403: "Permission denied", 404: "Not found", 503: "Temporarily unavailable"}
ROUTE_FACTORIES = (
    health.routes, campaign_routes.routes, draft_routes.routes, feasibility_routes.routes, round_routes.routes,
    experiment_routes.routes, budget_routes.routes, fleet_routes.routes, release_routes.routes, access_routes.routes,
    webhook_routes.routes, bundle_routes.routes, catalog_routes.routes, gateway_routes.routes, sign_in_pages.routes,
    second_factor_pages.routes, oidc_pages.routes, dashboard_routes.routes, rendering.routes,
)  # fmt: skip


def create_app(service: Service) -> FastAPI:
    """Build the application of the server, with a background task that keeps the signed metadata fresh."""

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        pause = await _refresh_once(service)  # before the first request, since the timestamp may have expired
        task = asyncio.create_task(_refresh_signatures(service, pause))
        try:
            async with heartbeat(service.state, gateway_routes.MAIN_GATEWAY, service.clock):
                yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def page(request: Request, status: int, sentence: str, headers: dict[str, str]) -> Response:
        if status == 401:
            path = request.url.path
            return sign_in_pages.sign_in_page(service, path, 200 if path == "/" else status)
        if getattr(request.state, "must_enrol", False):
            return RedirectResponse("/account", 303)
        heading = HEADINGS.get(status, "The request failed")
        actor = getattr(request.state, "actor", None)  # set if the guard has admitted somebody
        return service.pages.show("message.html", status, headers, heading=heading, sentence=sentence, actor=actor)

    settings = service.settings
    routers = [router for routes in ROUTE_FACTORIES for router in routes(service)]
    if service.issuer is not None:
        rates = for_direct_clients() if settings.tls else for_proxied_clients()
        routers += issuer_routes(
            service.issuer.authority, service.issuer.token, rates, IssuerMetrics(service.metrics)
        )
    return build_application(
        "keyart",
        "The coordinating server: campaigns, and signed model bundles.",
        routers,
        running,
        page,
        service.metrics,
        hosts=settings.allowed_hosts,
        secure=settings.secure,
        proxy=settings.proxy,
    )


async def _refresh_signatures(service: Service, pause: float) -> None:
    """Refresh the online TUF roles before they expire, for as long as the server runs."""
    while True:
        await asyncio.sleep(pause)
        pause = await _refresh_once(service)


async def _refresh_once(service: Service) -> float:
    """Refresh the online TUF roles now; return the number of seconds until the next refresh."""
    try:
        await run_in_threadpool(service.bundles.refresh)
    except (KeyartError, OSError) as error:
        log.error("the signed timestamp could not be refreshed", extra={"error": str(error)})
        return RETRY_SECONDS
    return REFRESH_SECONDS
