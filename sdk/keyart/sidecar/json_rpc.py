"""JSON-RPC 2.0 (https://www.jsonrpc.org/specification) without I/O: a line in, at most one line out."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..errors import KeyartError

log = logging.getLogger("keyart")

MAX_LINE_BYTES: Final = 1 << 20
MAX_BATCH: Final = 256  # requests in one line
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = (
    -32700,
    -32600,
    -32601,
    -32602,
    -32603,
)
KEYART_ERROR: Final = -32000  # `data.error` names the class of `keyart.errors`


@dataclass(frozen=True, slots=True)
class Method:
    """A method that a client can call.

    Attributes:
        call: The function; it takes its parameters by name and returns what JSON can hold.
        readers: How each parameter is read, by name. A reader raises KeyartError, ValueError or TypeError.
        required: Names of the parameters that have no default.
        summary: First line of the function's docstring.
    """

    call: Callable[..., Any]
    readers: Mapping[str, Callable[[Any], Any]]
    required: frozenset[str]
    summary: str


class RpcError(Exception):
    """An error of a request, with its code.

    Attributes:
        code: One of the codes of the specification, or `KEYART_ERROR`.
        data: Name of the error's class, for errors of keyart.
    """

    def __init__(self, code: int, message: str, data: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code, self.data = code, data


class Endpoint:
    """Answers requests with a table of methods."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = methods

    def answer(self, line: bytes) -> bytes | None:
        """Return the answer to one line, with its line break; None if it holds nothing but notifications.

        No request raises: what is wrong with it is in the answer.
        """
        try:
            message = _parsed(line)
        except RpcError as error:
            return _line(_failure(None, error))
        if not isinstance(message, list):
            answer = self._answer_one(message)
            return None if answer is None else _line(answer)
        if not 0 < len(message) <= MAX_BATCH:
            return _line(_failure(None, RpcError(INVALID_REQUEST, f"A batch holds 1 to {MAX_BATCH} requests.")))
        answers = [answer for request in message if (answer := self._answer_one(request)) is not None]
        return _line(answers) if answers else None

    def _answer_one(self, request: Any) -> dict[str, Any] | None:
        try:
            request_id, is_notification = _id_of(request)
        except RpcError as error:
            return _failure(None, error)
        try:
            result = self._call(request)
        except RpcError as error:
            return None if is_notification else _failure(request_id, error)
        return None if is_notification else {"jsonrpc": "2.0", "id": request_id, "result": result}

    def _call(self, request: Mapping[str, Any]) -> Any:
        name = request["method"]
        method = self._methods.get(name)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, f"There is no method {name[:40]!r}; `initialize` lists the methods.")
        parameters = _parameters(name, method, request.get("params", {}))
        try:
            return method.call(**parameters)
        except KeyartError as error:
            raise RpcError(KEYART_ERROR, str(error), {"error": type(error).__name__}) from None
        except Exception as error:
            # The message of a foreign error may quote what a person watched; its class does not.
            log.error("The sidecar failed in %s (%s)", name, type(error).__name__)
            raise RpcError(INTERNAL_ERROR, f"keyart failed in {name} ({type(error).__name__}).") from None


def _parsed(line: bytes) -> Any:
    if len(line) > MAX_LINE_BYTES:
        raise RpcError(INVALID_REQUEST, f"A line has at most {MAX_LINE_BYTES:,} bytes.")
    try:
        return json.loads(line, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise RpcError(PARSE_ERROR, "The line is not JSON in UTF-8, or holds a number beyond a double.") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    if math.isinf(value := float(text)):  # 1e999 is
        raise ValueError("a number beyond a double")
    return value


def _id_of(request: Any) -> tuple[str | int | float | None, bool]:
    """Return the id of a request, and whether it is a notification. Raises RpcError if it is no request."""
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
        raise RpcError(INVALID_REQUEST, 'A request is an object with "jsonrpc": "2.0" and a "method".')
    request_id = request.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | float | None):
        raise RpcError(INVALID_REQUEST, "The id of a request is a text, a number or null.")
    return request_id, "id" not in request


def _parameters(name: str, method: Method, sent: Any) -> dict[str, Any]:
    takes = ", ".join(method.readers) or "no parameters"
    if not isinstance(sent, dict):
        raise RpcError(INVALID_PARAMS, f"{name} takes its parameters by name, in an object: {takes}.")
    if unknown := sorted(set(sent) - set(method.readers)):
        raise RpcError(INVALID_PARAMS, f"{name} has no parameter {unknown[0][:40]!r}; it takes {takes}.")
    if missing := sorted(method.required - set(sent)):
        raise RpcError(INVALID_PARAMS, f"{name} needs the parameter {missing[0]!r}; it takes {takes}.")
    values = {}
    for key, value in sent.items():
        try:
            values[key] = method.readers[key](value)
        except KeyartError as error:
            raise RpcError(INVALID_PARAMS, f"{key}: {error}", {"error": type(error).__name__}) from None
        except (ValueError, TypeError, OverflowError) as error:
            raise RpcError(INVALID_PARAMS, f"{key}: {error}") from None
    return values


def _failure(request_id: str | int | float | None, error: RpcError) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "message": str(error)}
    if error.data is not None:
        body["data"] = dict(error.data)
    return {"jsonrpc": "2.0", "id": request_id, "error": body}


def _line(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"
