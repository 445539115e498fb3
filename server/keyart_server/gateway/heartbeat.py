"""A door says every minute that it is there, so that an operator sees which gateways are."""

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
    """As long as this is entered. While the database is away, nobody hears it, and it is no less there."""

    def say() -> None:
        with suppress(SQLAlchemyError), state.writing() as session:
            stage_windows.record_heartbeat(session, clock(), name)

    async def again() -> None:
        while True:
            await run_in_threadpool(say)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    task = asyncio.create_task(again())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
