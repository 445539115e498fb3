"""Limits on the size of a request body and on the time in which it must arrive."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .error_responses import error_json

MAX_BODY_BYTES = 8_000_000
BODY_SECONDS = 30


class BodyLimits:
    """ASGI middleware that limits request bodies.

    It answers 413 to bodies above `max_bytes` and 408 to bodies that are incomplete after `seconds`.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS) -> None:
        self._app, self._max_bytes, self._seconds = app, max_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request within the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._max_bytes:
            await error_json(413, f"The body may have at most {self._max_bytes} bytes.")(scope, receive, send)
            return
        received, complete, started = 0, False, False
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds

        async def limited_receive() -> Message:
            nonlocal received, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise _BodyRejected(408, f"The body did not arrive within {self._seconds:g} seconds.") from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > self._max_bytes:
                raise _BodyRejected(413, f"The body may have at most {self._max_bytes} bytes.")
            return message

        async def tracked_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, limited_receive, tracked_send)
        except _BodyRejected as refused:
            if started:
                raise
            await error_json(refused.status, refused.sentence, {"Connection": "close"})(scope, receive, send)


class _BodyRejected(BaseException):
    """Not an Exception, since the framework would report those as an unreadable body with status 400."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
