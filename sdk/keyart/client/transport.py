"""The host's transport, and the meaning of its responses before they are read."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

log = logging.getLogger("keyart")

MAX_RESPONSE_BYTES: Final = (
    8_000_000  # of an answer: what is longer is refused, so a transport need read one more at most
)
MAX_WAIT_SECONDS: Final = 86_400.0  # that a device waits because a server says so
_TOO_EARLY: Final = (408, 429)  # beside 5xx: the same request may go well later


@dataclass(frozen=True, slots=True)
class Response:
    """A response of a server.

    Attributes:
        status: HTTP status.
        headers: Headers by name, in any case.
        body: The whole body.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """Return a header, or "" if there is none."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")

    @property
    def seconds(self) -> float | None:
        """Return the seconds of Retry-After, or None if it is absent or a date."""
        said = re.fullmatch(r"[0-9]{1,9}", self.header("Retry-After"), re.ASCII)
        return min(float(said[0]), MAX_WAIT_SECONDS) if said else None


# Method, path below the server's address, body, headers. Redirects are not followed. Raises OSError where the network
# is away.
Send = Callable[[str, str, bytes, Mapping[str, str]], Response]


class RetryLater(Exception):
    """Server or network is away, and this visit ends. `seconds` is the wait that the server asks for, or None."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def send_request(
    send: Send, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Response:
    """Send a request and return the response, whatever its status.

    Raises:
        RetryLater: Server or network is away.
    """
    kind = {"Content-Type": "application/octet-stream"} if body else {}
    try:
        answer = send(method, path, body, {**kind, **(headers or {})})
    except OSError as error:
        log.info("The server cannot be reached: %s", type(error).__name__)
        raise RetryLater from None
    if answer.status >= 500 or answer.status in _TOO_EARLY:
        log.info("The server says %d: later", answer.status)
        raise RetryLater(answer.seconds)
    return answer


def unexpected_status(status: int) -> RetryLater:
    """Return the error for a status that this address never gives: a proxy has answered."""
    log.info("The server says %d, which nobody has asked it for", status)
    return RetryLater()
