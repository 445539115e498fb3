"""Counting, timing and tracing of requests, and logging of server failures without details for the client."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..monitoring import tracing
from ..monitoring.logs import request_id
from ..monitoring.metrics import Metrics
from .error_responses import error_json

log = logging.getLogger("keyart.server")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


class RequestMetrics:
    """ASGI middleware that records metrics per route. Logs name the route, not the path, which may hold secrets."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and record its status and duration."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 0, time.perf_counter()

        async def tracked_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        failure: Exception | None = None
        method = scope["method"] if scope["method"] in METHODS else "other"
        with tracing.request_span(
            method, {"http.request.method": method, "keyart.request": request_id.get()}
        ) as span:
            try:
                await self._app(scope, receive, tracked_send)
            except Exception as error:
                failure = error
                if not status:
                    await error_json(500, "The server failed to answer this request; see its log.")(
                        scope, receive, tracked_send
                    )
            route = getattr(scope.get("route"), "path", "other")
            tracing.describe_response(span, method, route, status, failure)
        seconds = time.perf_counter() - began
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if failure is not None:
            fields = {"method": method, "route": route, "status": status, "milliseconds": round(seconds * 1000, 1)}
            log.error("a request failed", extra=fields, exc_info=failure)
