"""Batches the submissions of concurrent HTTP requests: one commit costs the same for one as for a hundred.

Each request is answered once its submission is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from keyart.secagg import Stage

from ..monitoring.metrics import Metrics
from ..rounds.round import STATUS_OF_STAGE
from ..state import ServerState
from . import enrolment
from .revocations import Revocations
from .round_cache import CachedRound
from .submissions import store_submissions
from .tickets import Ticket
from .validation import KeysSubmission, StageSubmission, SubmissionResult, check_keys, check_submission

log = logging.getLogger("keyart.server")

GATHER_SECONDS: Final = 0.02
MAX_BATCH: Final = 128
MAX_WAITING_BYTES: Final = 64_000_000  # above this, devices get the answer to retry
MAX_TRIES: Final = 3
# Outcome of a submission by the status of its response; every other status is "refused".
OUTCOMES: Final[Mapping[int, str]] = {200: "accepted", 204: "accepted", 410: "late", 503: "retry"}
DATABASE_UNAVAILABLE: Final = SubmissionResult(503, "The database does not answer; nothing was changed. Try again.")
REVOKED: Final = SubmissionResult(403, "The issuer has revoked this device's certificate.")
LIST_MISSING: Final = SubmissionResult(503, "The issuer's revocation list has expired at this gateway; try again.")
QUEUE_FULL: Final = SubmissionResult(503, "Too many submissions are waiting at this gateway; try again.")


@dataclass(frozen=True, slots=True)
class _Pending:
    round: CachedRound
    stage: Stage
    ticket: Ticket | None
    content: bytes
    result: asyncio.Future[SubmissionResult]


class SubmissionQueue:
    """The queue of one process, on its event loop; `gateway` is the cohort that new members join."""

    def __init__(
        self,
        state: ServerState,
        gateway: str,
        issuers: Collection[bytes],
        clock: Callable[[], datetime],
        metrics: Metrics,
        revoked: Revocations | None = None,
    ) -> None:
        self._state, self._gateway, self._issuers, self._clock = state, gateway, issuers, clock
        self._revoked = revoked
        self._submissions = metrics.counter(
            "keyart_submissions_total", "Submissions of devices by stage and outcome.", ("stage", "outcome")
        )
        self._waiting: list[_Pending] = []
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._alone = CapacityLimiter(1)  # a thread of its own, which slow readers cannot occupy

    async def submit(
        self, cached: CachedRound, stage: Stage, ticket: Ticket | None, content: bytes
    ) -> SubmissionResult:
        """Queue a submission and wait for its result; `ticket` is None at the stage of keys."""
        result = QUEUE_FULL
        if self._waiting_bytes + len(content) <= MAX_WAITING_BYTES:
            result = await self._queued(cached, stage, ticket, content)
        self._submissions.labels(STATUS_OF_STAGE[stage], OUTCOMES.get(result.status, "refused")).inc()
        return result

    async def _queued(
        self, cached: CachedRound, stage: Stage, ticket: Ticket | None, content: bytes
    ) -> SubmissionResult:
        pending = _Pending(cached, stage, ticket, content, asyncio.get_running_loop().create_future())
        self._waiting.append(pending)
        self._waiting_bytes += len(content)
        if self._writer is None or self._writer.done():
            # It writes for many requests, so it runs under the id of none.
            self._writer = asyncio.create_task(self._write(), context=Context())
        return await pending.result

    async def _write(self) -> None:
        while self._waiting:
            if len(self._waiting) < MAX_BATCH:
                await asyncio.sleep(GATHER_SECONDS)
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            try:
                results = await to_thread.run_sync(self._written, batch, limiter=self._alone)
            except (
                Exception
            ) as error:  # a server error: all requests of this batch fail, the next batch is independent
                for pending in batch:
                    if not pending.result.done():
                        pending.result.set_exception(error)
            else:
                for pending, result in zip(batch, results, strict=True):
                    if not pending.result.done():
                        pending.result.set_result(result)
            self._waiting_bytes -= sum(len(pending.content) for pending in batch)

    def _written(self, batch: list[_Pending]) -> list[SubmissionResult]:
        at = self._clock()
        checked = [self._read(pending, at) for pending in batch]
        valid = [item for item in checked if not isinstance(item, SubmissionResult)]
        written = iter(self._kept(valid, at) if valid else ())
        return [item if isinstance(item, SubmissionResult) else next(written) for item in checked]

    def _read(self, pending: _Pending, at: datetime) -> KeysSubmission | StageSubmission | SubmissionResult:
        if pending.ticket is None:
            keys = check_keys(pending.round, pending.content, self._issuers, at)
            return keys if isinstance(keys, SubmissionResult) else self._unless_revoked(keys, at)
        return check_submission(pending.round, pending.stage, pending.ticket, pending.content)

    def _unless_revoked(self, keys: KeysSubmission, at: datetime) -> KeysSubmission | SubmissionResult:
        if self._revoked is None:
            return keys
        known = self._revoked.current(at)
        if known is None:
            return LIST_MISSING
        return REVOKED if bytes.fromhex(keys.key_hash) in known.hashes else keys

    def _kept(self, submissions: list[KeysSubmission | StageSubmission], at: datetime) -> list[SubmissionResult]:
        try:
            for tried in range(1, MAX_TRIES + 1):
                try:
                    with self._state.writing() as session:
                        results = store_submissions(session, at, self._gateway, submissions)
                        enrolment.record_devices(session, at, self._gateway, submissions)
                        return results
                except IntegrityError:
                    if tried == MAX_TRIES:
                        raise
        except SQLAlchemyError as error:
            log.error("device submissions could not be stored", extra={"error": type(error).__name__})
        return [DATABASE_UNAVAILABLE] * len(submissions)
