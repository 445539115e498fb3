"""Gathers the answers of concurrent requests and has them written together: a commit costs the same for one as for
a hundred. Each request goes on when its answer is durable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from keyart.secagg import Stage

from ..state import State
from .round_cache import Known
from .submissions import write
from .tickets import Ticket
from .validation import Keys, Later, Verdict, keys, later

log = logging.getLogger("keyart.server")

GATHER_SECONDS: Final = 0.02
MOST_TOGETHER: Final = 128
MOST_WAITING_BYTES: Final = 64_000_000  # beyond, devices come again
TRIES: Final = 3
AWAY: Final = Verdict(503, "The database does not answer; nothing was changed. Try again.")
BUSY: Final = Verdict(503, "More answers are waiting than this gateway can hold; try again.")


@dataclass(frozen=True, slots=True)
class _Handed:
    round: Known
    stage: Stage
    ticket: Ticket | None
    content: bytes
    verdict: asyncio.Future[Verdict]


class Intake:
    """Of one process, on its event loop. gateway: see `register.write`. issuers: public keys that certify devices."""

    def __init__(self, state: State, gateway: str, issuers: Collection[bytes], clock: Callable[[], datetime]) -> None:
        self._state, self._gateway, self._issuers, self._clock = state, gateway, issuers, clock
        self._waiting: list[_Handed] = []
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._alone = CapacityLimiter(1)  # a thread that no slow reader can take away

    async def take(self, known: Known, stage: Stage, ticket: Ticket | None, content: bytes) -> Verdict:
        """ticket: None at the stage of keys."""
        if self._waiting_bytes + len(content) > MOST_WAITING_BYTES:
            return BUSY
        handed = _Handed(known, stage, ticket, content, asyncio.get_running_loop().create_future())
        self._waiting.append(handed)
        self._waiting_bytes += len(content)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await handed.verdict

    async def _write(self) -> None:
        while self._waiting:
            if len(self._waiting) < MOST_TOGETHER:
                await asyncio.sleep(GATHER_SECONDS)
            batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            try:
                verdicts = await to_thread.run_sync(self._written, batch, limiter=self._alone)
            except Exception as error:  # ours: each request fails, and the next batch is another one
                for handed in batch:
                    if not handed.verdict.done():
                        handed.verdict.set_exception(error)
            else:
                for handed, verdict in zip(batch, verdicts, strict=True):
                    if not handed.verdict.done():
                        handed.verdict.set_result(verdict)
            self._waiting_bytes -= sum(len(handed.content) for handed in batch)

    def _written(self, batch: list[_Handed]) -> list[Verdict]:
        at = self._clock()
        read = [self._read(handed, at) for handed in batch]
        good = [one for one in read if not isinstance(one, Verdict)]
        written = iter(self._kept(good, at) if good else ())
        return [one if isinstance(one, Verdict) else next(written) for one in read]

    def _read(self, handed: _Handed, at: datetime) -> Keys | Later | Verdict:
        if handed.ticket is None:
            return keys(handed.round, handed.content, self._issuers, at)
        return later(handed.round, handed.stage, handed.ticket, handed.content)

    def _kept(self, answers: list[Keys | Later], at: datetime) -> list[Verdict]:
        try:
            for tried in range(1, TRIES + 1):
                try:
                    with self._state.writing() as session:
                        return write(session, at, self._gateway, answers)
                except IntegrityError:
                    if tried == TRIES:
                        raise
        except SQLAlchemyError as error:
            log.error("answers of devices could not be written", extra={"error": type(error).__name__})
        return [AWAY] * len(answers)
