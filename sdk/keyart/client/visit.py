"""A visit to a server, and the state that the next visit needs."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ..errors import MessageError
from .discovery import ModelOffer, ServerStatus, fetch_status
from .round_client import RoundStatus, RoundVisit, advance_round
from .sampling import sampling_bucket
from .transport import RetryLater, Send

if TYPE_CHECKING:
    from ..personalizer import Personalizer

log = logging.getLogger("keyart")

MIN_WAIT_SECONDS: Final = 1.0  # between two visits, whatever the server says
FIRST_RETRY_SECONDS: Final = 15.0  # to wait for a server that is away, twice as long each time
MAX_RETRY_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Visit:
    """The result of a visit.

    Attributes:
        again_seconds: Seconds until the next visit.
        current: Announcement of the server, or None if there was none yet.
        parts: State of each round that asks this device, by id.
        draw: The device's sampling bucket in [0, 1).
        version: Version of the model that the device runs.
        away: Number of visits in a row, this one included, that found server or network away.
    """

    again_seconds: float = 0.0
    current: ServerStatus | None = None
    parts: Mapping[str, RoundVisit] = field(default_factory=dict)
    draw: float | None = field(default=None, repr=False)
    version: int = 0
    away: int = 0

    @property
    def model(self) -> ModelOffer | None:
        """Return the announced model, for `offered_version`."""
        return None if self.current is None else self.current.model

    @property
    def handed_in(self) -> tuple[str, ...]:
        """Return the rounds in which this device has answered everything."""
        return self._that_are("handed in")

    @property
    def waiting(self) -> tuple[str, ...]:
        """Return the rounds in which there is more to answer."""
        return self._that_are("waiting", "due")

    @property
    def declined(self) -> tuple[str, ...]:
        """Return the rounds in which this device takes no part."""
        return self._that_are("declined")

    @property
    def over(self) -> tuple[str, ...]:
        """Return the rounds whose server accepts nothing more from this device."""
        return self._that_are("over")

    @property
    def refused(self) -> tuple[str, ...]:
        """Return the rounds in which the server has sent what no honest server sends."""
        return self._that_are("refused")

    def _that_are(self, *standings: RoundStatus) -> tuple[str, ...]:
        return tuple(round_id for round_id, part in self.parts.items() if part.standing in standings)


def visit(
    art: Personalizer,
    send: Send,
    before: Visit | None = None,
    *,
    clock: Callable[[], float] = time.time,
    uniform: Callable[[], float] = random.random,
) -> Visit:
    """Fetch the announcement, and make as many steps in the rounds of this device as can be made without waiting.

    Server and network raise nothing: see `Visit`.

    Args:
        art: The profile.
        send: The host's transport (`Send`).
        before: The previous visit, which saves requests. None at the first visit, after a start, and after consent or
            certificate have changed.
        clock: Unix seconds.
        uniform: Returns a random number in [0, 1). A wait is up to half longer than the server says, so that devices
            with the same announcement do not come back together.

    Raises:
        StoreError: The profile cannot be read or written. Nothing has left that was not stored.
    """
    last = before or Visit()
    key = art.federated.device_key()
    place = None if key is None else sampling_bucket(key)
    current, version = last.current, art.model_version
    parts = {
        round_id: part
        for round_id, part in last.parts.items()
        if place == last.draw and (part.standing != "declined" or version == last.version)
    }
    # A process that has just begun cannot know in which of the closed rounds this device is.
    may_be_in = current is None and place is not None and bool(art.federated.campaigns())
    try:
        current = _fetched(send, current)
        now = clock()
        parts = {
            one.id: parts.get(one.id, RoundVisit()).awake
            for one in current.rounds
            if place is not None and one.asks(place) and (one.id in parts or may_be_in or now < one.closes)
        }
        for round_id in parts:
            while parts[round_id].standing == "due":
                parts[round_id] = advance_round(art, send, round_id, parts[round_id])
    except RetryLater as later:
        seconds = later.seconds or min(FIRST_RETRY_SECONDS * 2 ** min(last.away, 16), MAX_RETRY_SECONDS)
        return Visit(_spread(seconds, uniform), current, parts, place, version, last.away + 1)
    waits = [part.seconds for part in parts.values() if part.standing == "waiting" and part.seconds is not None]
    return Visit(_spread(min([current.again, *waits]), uniform), current, parts, place, version)


def _fetched(send: Send, known: ServerStatus | None) -> ServerStatus:
    try:
        return fetch_status(send, known)
    except MessageError as error:
        log.warning("%s", error)
        raise RetryLater from None


def _spread(seconds: float, uniform: Callable[[], float]) -> float:
    return max(seconds, MIN_WAIT_SECONDS) * (1 + uniform() / 2)
