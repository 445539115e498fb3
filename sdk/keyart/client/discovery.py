"""Discovery: the rounds and the model that a server announces at `GET /device/current`.

    {"again": 60, "model": {"version": 8, "share": 0.1, "before": 7},
     "rounds": [{"id": "…", "low": 0.1, "high": 0.4, "closes": 1790000000}]}

It is the same for all devices, so that caches can carry it; at worst a lie in it costs a device some requests. Offers
are signed, bundles are signed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import MessageError
from .transport import MAX_WAIT_SECONDS, Response, Send, send_request, unexpected_status

MAX_STATUS_BYTES: Final = 64_000  # bytes
MAX_LISTED_ROUNDS: Final = 64
_MAX_VERSION: Final = 2**53 - 1
_ROUND = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ETAG = re.compile(r'(W/)?"[!#-~]{0,200}"', re.ASCII)


@dataclass(frozen=True, slots=True)
class ModelOffer:
    """The model that a server announces.

    Attributes:
        version: The newest version, or None if there is no model yet.
        share: Share of the devices that take it.
        before: The version that the other devices take.
    """

    version: int | None
    share: float
    before: int | None


@dataclass(frozen=True, slots=True)
class RoundListing:
    """A round that a server announces.

    Attributes:
        id: Id of the round, in hex.
        low: Lower end of the sampling bucket range that it asks.
        high: Upper end, exclusive.
        closes: Unix seconds after which no device can register.
    """

    id: str
    low: float
    high: float
    closes: float

    def asks(self, draw: float) -> bool:
        """Return True if the round asks a device with that sampling bucket."""
        return self.low <= draw < self.high


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The announcement of a server.

    Attributes:
        again: Seconds until the next visit of a device with nothing to do.
        model: The announced model.
        rounds: The announced rounds.
        etag: ETag of the response, for conditional requests.
    """

    again: float
    model: ModelOffer
    rounds: tuple[RoundListing, ...]
    etag: str = field(default="", repr=False)


def fetch_status(send: Send, known: ServerStatus | None) -> ServerStatus:
    """Fetch the announcement of a server.

    Args:
        send: The host's transport.
        known: The last announcement, which need not be sent again.

    Raises:
        RetryLater: Server or network is away.
        MessageError: The response is not one of keyart's server.
    """
    since = {"If-None-Match": known.etag} if known is not None and known.etag else {}
    answer = send_request(send, "GET", "/device/current", headers=since)
    if answer.status == 304 and known is not None:
        return known
    if answer.status != 200:
        raise unexpected_status(answer.status)
    return read_status(answer)


def read_status(answer: Response) -> ServerStatus:
    """Read an announcement. Fields that this keyart does not know are ignored.

    Raises:
        MessageError: The response is not an announcement.
    """
    try:
        if len(answer.body) > MAX_STATUS_BYTES:
            raise ValueError("too long")
        document: Any = json.loads(answer.body.decode())
        told = document["model"]
        model = ModelOffer(_version(told["version"]), _number(told["share"], 1), _version(told["before"]))
        rounds = [
            RoundListing(_id(one["id"]), _number(one["low"], 1), _number(one["high"], 1), _number(one["closes"]))
            for one in document["rounds"]
        ]
        if len(rounds) > MAX_LISTED_ROUNDS or len({one.id for one in rounds}) < len(rounds):
            raise ValueError("too many rounds, or one twice")
        again = min(_number(document["again"]), MAX_WAIT_SECONDS)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MessageError(
            f"What the server says is going on cannot be read ({type(error).__name__}); update keyart, or report it "
            "to the server's operator."
        ) from None
    etag = answer.header("ETag")
    return ServerStatus(again, model, tuple(rounds), etag if _ETAG.fullmatch(etag) else "")


def _number(value: object, most: float = _MAX_VERSION) -> float:
    if type(value) not in (int, float) or not 0 <= value <= most:  # type: ignore[operator]
        raise ValueError("no number of that range")
    return float(value)  # type: ignore[arg-type]


def _version(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int:
        raise ValueError("no version")
    return int(_number(value))


def _id(value: object) -> str:
    if not isinstance(value, str) or _ROUND.fullmatch(value) is None:
        raise ValueError("no round's id")  # and not to be put into a path
    return value
