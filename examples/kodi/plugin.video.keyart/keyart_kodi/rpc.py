"""Calls of the sidecar over its socket: one line out, one line back."""

from __future__ import annotations

import json
import socket

TIMEOUT_SECONDS = 2.0  # then the list goes on with the library's own art


class Away(Exception):
    """The sidecar does not answer."""


class Refused(Exception):
    """The sidecar refuses a call; the message is its own."""


def call(path: str, method: str, timeout: float = TIMEOUT_SECONDS, **params: object) -> object:
    """Call one method. Raises Away or Refused."""
    (answer,) = call_all(path, [(method, params)], timeout)
    if isinstance(answer, Refused):
        raise answer
    return answer


def call_all(path: str, calls: list[tuple[str, dict]], timeout: float = TIMEOUT_SECONDS) -> list[object]:
    """Call methods in one message, and return what each returns, or its refusal. Raises Away."""
    if not calls:
        return []
    request = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in enumerate(calls)
    ]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(timeout)
            link.connect(path)
            link.sendall(json.dumps(request).encode() + b"\n")
            with link.makefile("rb") as lines:
                answers = sorted(json.loads(lines.readline() or b"null"), key=lambda answer: answer["id"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Away(str(error)) from None
    return [Refused(answer["error"]["message"]) if "error" in answer else answer["result"] for answer in answers]
