"""The id of a request: made here, or taken from the proxy in front; in every log line and in the response.

An id is a UUID, with or without hyphens, such as nginx's `$request_id`. Clients cannot choose one: ids of strangers
would let them mix their requests into the log lines of others.
"""

from __future__ import annotations

import re
import uuid
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..monitoring.logs import request_id

HEADER: Final = "X-Request-Id"
WELL_FORMED: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class RequestIds:
    """ASGI middleware that gives each request an id; it must see the address of the connection itself.

    Attributes:
        proxy: IP address of the proxy whose `X-Request-Id` is accepted; None accepts nobody's.
    """

    def __init__(self, app: ASGIApp, proxy: str | None) -> None:
        self._app, self._proxy = app, proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request under its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        current = self._sent_by_proxy(scope) or uuid.uuid4().hex

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = current
            await send(message)

        token = request_id.set(current)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            request_id.reset(token)

    def _sent_by_proxy(self, scope: Scope) -> str:
        client = scope.get("client")
        if self._proxy is None or client is None or client[0] != self._proxy:
            return ""
        sent: str = dict(scope["headers"]).get(HEADER.lower().encode(), b"").decode("latin-1")
        return sent.lower() if WELL_FORMED.fullmatch(sent) else ""


def instance() -> str | None:
    """Return the current request as a URI, for problem details; None outside of requests."""
    current = request_id.get()
    return uuid.UUID(current).urn if current else None
