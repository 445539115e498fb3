"""The discovery document for devices: active rounds and the model on offer.

It is the same for all devices, so it can be cached.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from keyart.secagg import Stage

from ..releases import release_store
from ..rounds.round import ACTIVE
from ..state import ServerState
from ..state.tables import RoundRow, WindowRow
from . import enrolment

READ_SECONDS: Final = 1.0  # minimum age before the database is read again
COUNT_SECONDS: Final = 60.0  # interval between counts of enrolled devices
MAX_ROUNDS: Final = 64
TARGET_POLLS_PER_SECOND: Final = 50  # of all devices together: about 5 % of a core
MIN_POLL_SECONDS, MAX_POLL_SECONDS, POLL_STEP_SECONDS = 5, 3600, 5  # seconds

ReadOffer = Callable[[Session], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class DiscoveryDocument:
    """The document as JSON, and its ETag."""

    content: bytes
    etag: str


class Discovery:
    """Keeps the discovery document of one process, on its event loop.

    Attributes:
        offered: reads the model on offer.
        seconds: monotonic clock.
    """

    def __init__(
        self,
        state: ServerState,
        clock: Callable[[], datetime],
        offered: ReadOffer = release_store.offered,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state, self._clock, self._offered, self._seconds = state, clock, offered, seconds
        self._reading: asyncio.Task[DiscoveryDocument] | None = None
        self._read_at = self._counted_at = -math.inf
        self._again = MIN_POLL_SECONDS

    async def document(self) -> DiscoveryDocument:
        """Return the document, at most a second old. Raises SQLAlchemyError while the database is away."""
        now = self._seconds()
        if self._reading is None or (self._reading.done() and now - self._read_at >= READ_SECONDS):
            self._read_at = now
            self._reading = asyncio.create_task(run_in_threadpool(self._read))
        return await asyncio.shield(self._reading)

    def _read(self) -> DiscoveryDocument:
        at = self._clock()
        with self._state.reading() as session:
            if self._seconds() - self._counted_at >= COUNT_SECONDS:
                self._again, self._counted_at = poll_seconds(session, at), self._seconds()
            document = {"again": self._again, "model": dict(self._offered(session)), "rounds": list_rounds(session)}
        content = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        return DiscoveryDocument(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def poll_seconds(session: Session, at: datetime) -> int:
    """Return the polling interval of idle devices: longer for a large fleet, which bounds its polling load."""
    return poll_interval(enrolment.count_valid(session, at))


def poll_interval(devices: int) -> int:
    """Return the polling interval, in seconds, of a fleet of so many idle devices. Pure."""
    spread = POLL_STEP_SECONDS * math.ceil(devices / TARGET_POLLS_PER_SECOND / POLL_STEP_SECONDS)
    return min(max(spread, MIN_POLL_SECONDS), MAX_POLL_SECONDS)


def list_rounds(session: Session) -> list[dict[str, Any]]:
    """Return the active rounds that accept keys, oldest first; no device can join after `closes`."""
    closes = func.max(WindowRow.closes)
    rows = session.execute(
        select(RoundRow.id, RoundRow.low, RoundRow.high, closes.label("closes"))
        .join(WindowRow, WindowRow.round_id == RoundRow.id)
        .where(RoundRow.standing.in_(ACTIVE), WindowRow.stage == Stage.KEYS)
        .group_by(RoundRow.id, RoundRow.low, RoundRow.high, RoundRow.opened)
        .order_by(RoundRow.opened)
        .limit(MAX_ROUNDS)
    )
    return [
        {"id": row.id, "low": row.low, "high": row.high, "closes": math.ceil(row.closes.timestamp())} for row in rows
    ]
