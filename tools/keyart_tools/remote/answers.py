"""The meaning of an HTTP answer: its document, or one sentence that says what went wrong and what to do. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from keyart.errors import ApiError, KeyartError

from .api_token import ApiToken
from .saved_login import Login
from .server_address import ServerAddress

PROBLEM: Final = "application/problem+json"
MAX_SENTENCE_LENGTH: Final = 600  # characters of a sentence from the server


def document_of(response: httpx.Response, login: Login) -> Any:
    """Return the JSON document of an answer, or None if it has no body.

    Raises:
        ApiError: if the server refused the request, or the answer is not one of keyart's API.
    """
    if response.is_redirect:
        raise ApiError(_redirect(response, login))
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status_code == 204:
        return None
    document = _json(response.text, login.token) if kind in ("application/json", PROBLEM) else None
    if response.is_success and isinstance(document, Mapping | list):
        return document
    if not response.is_success and isinstance(document, Mapping) and isinstance(document.get("detail"), str):
        raise ApiError(_refusal(response, document, login))
    what = "a web page" if kind == "text/html" else f"status {response.status_code}"
    raise ApiError(
        f"{login.server.url} answered with {what} instead of keyart's API. Check that the address is that of `keyart "
        "serve`, or of a proxy that passes /api/v1 on to it without a sign-in of its own."
    )


def printable(text: str) -> str:
    """Return a text from the server for a terminal: without control characters, which could act on it."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


@contextmanager
def expected_form(server: ServerAddress) -> Iterator[None]:
    """Turn the error of reading an answer that has another form, as of another version, into one sentence.

    Raises:
        ApiError: if the block finds a field missing or of another type.
    """
    try:
        yield
    except KeyartError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ApiError(
            f"An answer of {server.url} has another form than this keyart expects ({type(error).__name__}: "
            f"{printable(str(error))[:MAX_SENTENCE_LENGTH]}). Update the older of the two; if they have one version, "
            "this is a defect of keyart."
        ) from error


def _json(text: str, token: ApiToken) -> Any:
    """Return a JSON document without the token, or None for anything else, such as NaN."""
    try:
        return token.redact(json.loads(text, parse_constant=_finite, parse_float=_finite))
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _redirect(response: httpx.Response, login: Login) -> str:
    target = printable(login.token.redact(response.headers.get("location", "another address")))[:MAX_SENTENCE_LENGTH]
    return (
        f"{login.server.url} redirects to {target}. The token is sent to the given address only; if you trust the "
        "other one, give it as --server."
    )


def _unauthorised(detail: str, login: Login) -> str:
    return (
        f"{login.server.url} does not accept the token from {login.token.source}. {detail} A token belongs to one "
        "server and ends when it expires or is revoked: ask an administrator for a new one, or use admin.token in "
        "the server's data folder."
    )


def _forbidden(detail: str, login: Login) -> str:
    return f"The token from {login.token.source} does not suffice: {detail}"


def _failed(detail: str, login: Login) -> str:
    return f"{login.server.url} could not answer: {detail}"


_SENTENCES: Final[Mapping[int, Callable[[str, Login], str]]] = {401: _unauthorised, 403: _forbidden}


def _refusal(response: httpx.Response, problem: Mapping[str, Any], login: Login) -> str:
    """Return the sentence for problem details (RFC 9457)."""
    detail = printable(problem["detail"])[:MAX_SENTENCE_LENGTH].strip()
    if response.status_code == 404:
        return f"{detail} ({login.server.url} was asked for {response.request.url.path}.)"
    if response.status_code in _SENTENCES:
        return _SENTENCES[response.status_code](detail, login)
    return _failed(detail, login) if response.is_server_error else detail
