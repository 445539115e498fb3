"""How the server says no: a status and `{"error": SENTENCE}`, the same for every route; a page for a browser."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException

from keyart.errors import InputError, KeyartError

log = logging.getLogger("keyart.server")
RETRY_SECONDS = 5
LONGEST_TOLD = 500  # characters
WORDS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
}


class Refusal(BaseModel):
    """error: what happened, and what to do next."""

    error: str


def refusal(description: str) -> dict[str, Any]:
    """An answer of an OpenAPI document."""
    return {"model": Refusal, "description": description}


def answer(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": sentence[:LONGEST_TOLD]}, status, headers)


Page = Callable[[Request, int, str, dict[str, str]], Response]


def install(app: FastAPI, page: Page) -> None:
    """One shape of refusal for whatever is raised. page: the same for somebody who looks at it in a browser."""

    async def say(request: Request, status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
        if for_browser(request):
            return await run_in_threadpool(page, request, status, sentence, headers or {})
        return answer(status, sentence, headers)

    @app.exception_handler(StarletteHTTPException)
    async def refused(request: Request, error: StarletteHTTPException) -> Response:
        ours = isinstance(error, HTTPException)
        sentence = str(error.detail) if ours else WORDS.get(error.status_code, str(error.detail))
        return await say(request, error.status_code, sentence, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return await say(request, 422, "; ".join(map(_told, error.errors()[:5])))

    @app.exception_handler(InputError)
    async def wrong(request: Request, error: InputError) -> Response:
        return await say(request, 422, str(error))

    @app.exception_handler(KeyartError)
    async def damaged(request: Request, error: KeyartError) -> Response:
        log.error("what the server keeps is not whole", extra={"error": str(error)})
        return await say(request, 500, str(error))

    @app.exception_handler(PoolTimeout)
    @app.exception_handler(InterfaceError)
    @app.exception_handler(OperationalError)
    async def away(request: Request, error: Exception) -> Response:
        log.error("the database did not answer", extra={"error": type(error).__name__})
        sentence = "The database does not answer; nothing was changed. Try again."
        return await say(request, 503, sentence, {"Retry-After": str(RETRY_SECONDS)})


def for_browser(request: Request) -> bool:
    """Whether a page was asked for: those are the routes that the API's document does not list."""
    route = request.scope.get("route")
    if route is None:
        return "text/html" in request.headers.get("accept", "")
    return not getattr(route, "include_in_schema", True)


def _told(error: Any) -> str:
    """One field's mistake. What was sent is not repeated: it may be a secret."""
    where = ".".join(str(part) for part in error["loc"] if part != "body") or "body"
    return f"{where}: {error['msg']}"
