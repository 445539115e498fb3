"""One engine a database: of several servers on one Postgres, one drives the campaigns. It is whoever holds the lock.

SQLite needs none: its data folder belongs to one process.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from ..state import ServerState

log = logging.getLogger("keyart.server")
LOCK: Final = 0x6B657962  # "keyb": another than that of migrations


class Lease:
    """Held as long as its connection lives: a server that is killed, or cut off, lets go of it."""

    def __init__(self, state: ServerState) -> None:
        self._engine, self._alone = state.engine, state.engine.dialect.name == "sqlite"
        self._held: Connection | None = None

    def held(self) -> bool:
        """Whether this process may drive campaigns now. Raises SQLAlchemyError while the database is away."""
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
        got = connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}).scalar_one()
        connection.rollback()  # the lock is the session's, not the transaction's
        if not got:
            connection.close()
            return False
        connection.detach()  # it never goes back to the pool, where it would carry the lock to somebody else
        self._held = connection
        return True

    def release(self) -> None:
        """Lets another server take over."""
        if self._held is not None:
            with suppress(SQLAlchemyError):
                self._held.close()
            self._held = None
