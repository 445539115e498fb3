"""Transactions of one connection: all or nothing, and nested ones join the outer one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import NoReturn

from ..errors import StoreError
from .faults import guarded


class TransactionStack:
    """The open transactions of a connection, whose owner locks. `depth` is the number of nested blocks."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.depth = 0
        self._connection = connection
        self._failed = False  # something inside went wrong: it can only be rolled back

    @contextlib.contextmanager
    def begun(self, before_commit: Callable[[], None], roll_back: Callable[[], None]) -> Iterator[None]:
        """Begin a transaction, or join the open one. If a nested one fails, the outer one cannot succeed."""
        if self.depth:
            with self._joined():
                yield
            return
        with guarded:
            self._connection.execute("BEGIN IMMEDIATE")
        self.depth = 1
        try:
            yield
            if self._failed:
                self._refuse()
            with guarded:
                before_commit()
                self._connection.execute("COMMIT")
        except BaseException:
            roll_back()
            raise
        finally:
            self.depth = 0
            self._failed = False

    @contextlib.contextmanager
    def _joined(self) -> Iterator[None]:
        # After a failure SQLite may have rolled back by itself; what came next would then commit on its own.
        if self._failed:
            self._refuse()
        self.depth += 1
        try:
            yield
        except BaseException:
            self._failed = True
            raise
        finally:
            self.depth -= 1

    def _refuse(self) -> NoReturn:
        raise StoreError("Something inside this transaction failed, so all of it is rolled back. Begin it again.")
