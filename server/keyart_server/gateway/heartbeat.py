"""Heartbeats: a gateway reports every minute that it is alive, for the dashboard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from ..rounds import stage_windows
from ..state import ServerState

HEARTBEAT_SECONDS: Final = 60.0


@asynccontextmanager
async def heartbeat(state: ServerState, name: str, clock: Callable[[], datetime]) -> AsyncIterator[None]:
    """Report while entered.

    A gateway that misses a heartbeat keeps serving; only the dashboard reports it as silent.
    """

    def say() -> None:
        with suppress(SQLAlchemyError), state.writing() as session:
            stage_windows.record_heartbeat(session, clock(), name)

    stopping = asyncio.Event()

    async def again() -> None:
        while not stopping.is_set():
            await run_in_threadpool(say)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), HEARTBEAT_SECONDS)

    task = asyncio.create_task(again())
    try:
        yield
    finally:
        # To cancel the task would leave its thread behind, in a transaction on a database that is about to close.
        stopping.set()
        await task
