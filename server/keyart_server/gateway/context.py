"""What all routes of a door share."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool

from ..state import State
from .discovery import Current, Offered
from .rate_limits import Rates, network_of
from .round_cache import Known, Rounds
from .submission_queue import Intake
from .tickets import check_name

NOWHERE: Final = "There is no such round."


class Door:
    """name: of the gateway in whose cohort newcomers are. issuers: public keys that certify devices. clock: the time
    now, with zone. offered: what is said of the model. rates: of one network. Raises SettingError for the name."""

    def __init__(
        self,
        state: State,
        name: str,
        issuers: Collection[bytes],
        clock: Callable[[], datetime],
        offered: Offered,
        rates: Rates,
    ) -> None:
        self.state, self.clock = state, clock
        self._rates, self._rounds = rates, Rounds(state)
        self.intake = Intake(state, check_name(name), issuers, clock)
        self.current = Current(state, clock, offered)

    def count(self, request: Request) -> None:
        """Raises HTTPException (429) where its network asks too often."""
        self._rates.take(network_of(request.client.host if request.client else ""))

    async def round(self, round_id: str) -> Known:
        """Raises HTTPException (404)."""
        known = self._rounds.known(round_id) or await run_in_threadpool(self._rounds.find, round_id)
        if known is None:
            raise HTTPException(404, NOWHERE)
        return known
