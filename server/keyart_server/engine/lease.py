"""The lease: of several servers on one Postgres database, the holder of an advisory lock runs the campaigns.

SQLite needs no lease, since its data folder belongs to one process.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from ..state import ServerState

log = logging.getLogger("keyart.server")
LOCK: Final = 0x6B657962  # "keyb"; migrations use another lock


class Lease:
    """A lease that lasts as long as its database connection: a killed or disconnected server loses it.

    Args:
        state: the database.
        lock: number of the lock; each kind of work has its own.
    """

    def __init__(self, state: ServerState, lock: int = LOCK) -> None:
        self._lock = lock
        self._engine, self._alone = state.engine, state.engine.dialect.name == "sqlite"
        self._held: Connection | None = None

    def held(self) -> bool:
        """Tell whether this process may run campaigns now. Raises SQLAlchemyError while the database is away."""
        if self._alone:
            return True
        if self._held is not None:
            try:
                self._held.execute(text("SELECT 1"))
                self._held.rollback()
            except SQLAlchemyError:
                self.release()
                raise
            return True
        connection = self._engine.connect()
        got = connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": self._lock}).scalar_one()
        connection.rollback()  # the lock belongs to the session, not to the transaction
        if not got:
            connection.close()
            return False
        connection.detach()  # never returned to the pool, which would pass the lock on
        self._held = connection
        return True

    def release(self) -> None:
        """Give up the lease, so that another server can take over."""
        if self._held is not None:
            with suppress(SQLAlchemyError):
                self._held.close()
            self._held = None
