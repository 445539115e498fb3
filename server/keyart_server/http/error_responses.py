"""Error responses: problem details (RFC 9457) for every route, or an HTML page for browsers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeVar

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException

from keyart.errors import InputError, KeyartError

from .request_ids import instance

log = logging.getLogger("keyart.server")
T = TypeVar("T")
RETRY_SECONDS = 5
MAX_SENTENCE_LENGTH = 500  # characters
MAX_FIELD_PROBLEMS = 5
DEFAULT_SENTENCES = {
    404: "Nothing exists at this address.",
    405: "This address does not support that method.",
}


PROBLEM: Final = "application/problem+json"
SCHEMAS: Final = "#/components/schemas/"  # of an OpenAPI document


class FieldProblem(BaseModel):
    """An error of one field of a request; its value is not repeated, since it may be a secret.

    Attributes:
        field: name of the field, with dots between the parts of its path.
        detail: what is wrong with it.
    """

    field: str
    detail: str


class Problem(BaseModel):
    """Body of an error response: the problem details of RFC 9457.

    Attributes:
        type: kind of problem, as a URI; `about:blank` if the status says it all.
        title: name of the status.
        status: status of the answer.
        detail: sentence that says what happened and what to do next.
        instance: id of the request, as in the log and in the header `X-Request-Id`.
        errors: errors by field, if the request has invalid fields.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[FieldProblem] = []


def error_schema(description: str) -> dict[str, Any]:
    """Return the OpenAPI description of an error response.

    It names the schema in place of the model, for which FastAPI would build a serializer for each route and promise
    `application/json` as well; `openapi_document` adds the schema.
    """
    return {"description": description, "content": {PROBLEM: {"schema": {"$ref": f"{SCHEMAS}Problem"}}}}


def error_json(
    status: int, sentence: str, headers: dict[str, str] | None = None, errors: Sequence[FieldProblem] = ()
) -> JSONResponse:
    """Return an error response as problem details."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=sentence[:MAX_SENTENCE_LENGTH],
        instance=instance(),
        errors=list(errors),
    )
    return JSONResponse(problem.model_dump(exclude_none=True), status, headers, media_type=PROBLEM)


def found_or_404(item: T | None, noun: str) -> T:
    """Return the item. Raises 404 if it is None."""
    if item is None:
        raise HTTPException(404, f"There is no {noun} with this number or id.")
    return item


ErrorPage = Callable[[Request, int, str, dict[str, str]], Response]


def install(app: FastAPI, page: ErrorPage) -> None:
    """Register handlers that turn every exception into an error response; `page` renders it for browsers."""

    async def respond(
        request: Request,
        status: int,
        sentence: str,
        headers: dict[str, str] | None = None,
        errors: Sequence[FieldProblem] = (),
    ) -> Response:
        if wants_page(request):
            return await run_in_threadpool(page, request, status, sentence, headers or {})
        return error_json(status, sentence, headers, errors)

    @app.exception_handler(StarletteHTTPException)
    async def on_http_error(request: Request, error: StarletteHTTPException) -> Response:
        raised_here = isinstance(error, HTTPException)
        sentence = str(error.detail) if raised_here else DEFAULT_SENTENCES.get(error.status_code, str(error.detail))
        return await respond(request, error.status_code, sentence, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def on_validation_error(request: Request, error: RequestValidationError) -> Response:
        errors = [_field_problem(problem) for problem in error.errors()[:MAX_FIELD_PROBLEMS]]
        sentence = "; ".join(f"{problem.field}: {problem.detail}" for problem in errors)
        return await respond(request, 422, sentence, errors=errors)

    @app.exception_handler(InputError)
    async def on_input_error(request: Request, error: InputError) -> Response:
        return await respond(request, 422, str(error))

    @app.exception_handler(KeyartError)
    async def on_keyart_error(request: Request, error: KeyartError) -> Response:
        log.error("stored data is damaged", extra={"error": str(error)})
        return await respond(request, 500, str(error))

    @app.exception_handler(PoolTimeout)
    @app.exception_handler(InterfaceError)
    @app.exception_handler(OperationalError)
    async def on_database_error(request: Request, error: Exception) -> Response:
        log.error("the database did not answer", extra={"error": type(error).__name__})
        sentence = "The database does not answer; nothing was changed. Try again."
        return await respond(request, 503, sentence, {"Retry-After": str(RETRY_SECONDS)})


def wants_page(request: Request) -> bool:
    """Tell whether the request asks for a page; page routes are the ones missing from the OpenAPI document."""
    route = request.scope.get("route")
    if route is None:
        return "text/html" in request.headers.get("accept", "")
    return not getattr(route, "include_in_schema", True)


def _field_problem(error: Any) -> FieldProblem:
    field = ".".join(str(part) for part in error["loc"] if part != "body") or "body"
    return FieldProblem(field=field, detail=error["msg"])
