"""The objects that the routes of a gateway share."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool

from ..http.client_network import client_network
from ..monitoring.metrics import Metrics
from ..state import ServerState
from .discovery import Discovery, ReadOffer
from .rate_limits import RateLimiter
from .revocations import Revocations
from .round_cache import CachedRound, RoundCache
from .submission_queue import SubmissionQueue
from .tickets import check_name

UNKNOWN_ROUND: Final = "There is no such round."


class GatewayContext:
    """The shared objects of one gateway.

    Attributes:
        name: the gateway whose cohort new members join.
        issuers: public keys that certify devices.
        clock: returns the current time, with zone.
        offered: reads the model on offer.
        rates: rate limiter per network.
        metrics: the metrics of this process.
        revoked: the issuer's revocation list; None if there is none.

    Raises:
        SettingError: for an invalid name.
    """

    def __init__(
        self,
        state: ServerState,
        name: str,
        issuers: Collection[bytes],
        clock: Callable[[], datetime],
        offered: ReadOffer,
        rates: RateLimiter,
        metrics: Metrics,
        revoked: Revocations | None = None,
    ) -> None:
        self.state, self.clock = state, clock
        self._rates, self._rounds = rates, RoundCache(state)
        self.queue = SubmissionQueue(state, check_name(name), issuers, clock, metrics, revoked)
        self.discovery = Discovery(state, clock, offered)

    def limit_rate(self, request: Request) -> None:
        """Raise HTTPException (429) if the client's network sends too many requests."""
        self._rates.take(client_network(request))

    async def round(self, round_id: str) -> CachedRound:
        """Return the round. Raises HTTPException (404)."""
        cached = self._rounds.cached(round_id) or await run_in_threadpool(self._rounds.find, round_id)
        if cached is None:
            raise HTTPException(404, UNKNOWN_ROUND)
        return cached
