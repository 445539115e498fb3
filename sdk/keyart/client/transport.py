"""The host's own transport, and what its answers mean before anybody has read them."""

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
    """Of a server. status: of HTTP. headers: by name, in whatever case. body: whole."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """Empty where there is none."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")

    @property
    def seconds(self) -> float | None:
        """To wait, of Retry-After; None where that says nothing, or a date."""
        said = re.fullmatch(r"[0-9]{1,9}", self.header("Retry-After"), re.ASCII)
        return min(float(said[0]), MAX_WAIT_SECONDS) if said else None


# Method, path below the server's address, body, headers. Redirects are not followed. Raises OSError where the network
# is away.
Send = Callable[[str, str, bytes, Mapping[str, str]], Response]


class RetryLater(Exception):
    """Server or network is away: this visit ends. seconds: after which the server wants to be asked; None: it has not
    said."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def send_request(
    send: Send, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Response:
    """The answer, whatever it says. Raises Later."""
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
    """For an answer that this address never gives: something between here and the server has spoken."""
    log.info("The server says %d, which nobody has asked it for", status)
    return RetryLater()
