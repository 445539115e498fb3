"""A receiver of events and its messages, as values; and which addresses a receiver may have. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlsplit

from keyart.errors import InputError

from ..access.identity_settings import Network
from ..http.address import LOOPBACK_NAMES
from ..http.outgoing import IpAddress, embedded_addresses, is_public
from ..state.tables.webhooks import MAX_URL_LENGTH

DeliveryStatus = Literal["pending", "delivered", "failed"]
MAX_WEBHOOKS: Final = 20


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of events.

    Attributes:
        id: identifier.
        name: name on pages and in the audit log.
        url: address that gets the messages.
        events: types of events that it gets.
        created: time of its registration; it gets later events only.
        failing_since: time of the first failure since its last success, or None.
        disabled: since when it gets nothing, or None.
        reason: sentence that explains why the server has disabled it, or "".
    """

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    created: datetime
    failing_since: datetime | None
    disabled: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to one receiver.

    Attributes:
        id: value of its header `webhook-id`, the same in every attempt.
        event: type of its event.
        status: whether it waits for an attempt, was delivered, or was given up.
        created: time of its creation.
        attempts: number of attempts so far.
        due: time of the next attempt; None once it was delivered or given up.
        changed: time of the last attempt, or of its creation.
        outcome: sentence about the last attempt, without any content of the answer.
    """

    id: str
    event: str
    status: DeliveryStatus
    created: datetime
    attempts: int
    due: datetime | None
    changed: datetime
    outcome: str


def checked_url(url: str) -> str:
    """Return the address without surrounding spaces. Raises InputError unless it is https, or http to loopback."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise InputError("The address of a webhook must be like https://hooks.example/keyart.") from None
    if not host or len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError("The address of a webhook must be like https://hooks.example/keyart.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK_NAMES):
        raise InputError("The address of a webhook must begin with https://; http is for 127.0.0.1 only.")
    if "@" in parts.netloc or parts.fragment:
        raise InputError("The address of a webhook holds no user name, no password and no fragment.")
    return url


def address_check(networks: Sequence[Network]) -> Callable[[IpAddress], bool]:
    """Return the check of the IP addresses that webhooks may reach: public ones, and those in `networks`."""

    def allowed(address: IpAddress) -> bool:
        return is_public(address) or all(
            any(inner in network for network in networks if network.version == inner.version)
            for inner in embedded_addresses(address)
        )

    return allowed
