"""How large a request's body may be, and how long it may take to come."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .error_responses import answer

MOST_BYTES = 8_000_000
BODY_SECONDS = 30


class Limits:
    """413 for a body of more than `most_bytes`, 408 for one that is not there after `seconds`."""

    def __init__(self, app: ASGIApp, most_bytes: int = MOST_BYTES, seconds: float = BODY_SECONDS) -> None:
        self._app, self._most, self._seconds = app, most_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._most:
            await answer(413, f"The body may have {self._most} bytes at most.")(scope, receive, send)
            return
        taken, whole, started = 0, False, False
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds

        async def limited() -> Message:
            nonlocal taken, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise _Refused(408, f"The body was not there after {self._seconds:g} seconds.") from None
            taken += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if taken > self._most:
                raise _Refused(413, f"The body may have {self._most} bytes at most.")
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, limited, noted)
        except _Refused as refused:
            if started:
                raise
            await answer(refused.status, refused.sentence, {"Connection": "close"})(scope, receive, send)


class _Refused(BaseException):
    """No Exception: the framework would take it for a body that it cannot read, and answer 400."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
