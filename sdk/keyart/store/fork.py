"""Forking: a child process gets no store of its parent.

SQLite's connections and POSIX locks do not survive a fork. A child that closed its copy of a connection, or let it be
collected, would fold and delete the WAL that its parent is writing; acknowledged records would be lost. So the
child's copy is never closed and never freed: it leaks, and the store in the child raises an error at its first use.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from typing import Protocol


class ForkedStore(Protocol):
    """A store, as the child of a fork finds it."""

    def _abandon(self) -> sqlite3.Connection | None:
        """Give away the connection and never use it again. Return None if it was closed before."""


_open: weakref.WeakSet[ForkedStore] = weakref.WeakSet()


def watch(store: ForkedStore) -> None:
    """Take the store away from every later child of a fork."""
    _open.add(store)


def _in_child() -> None:
    for store in list(_open):
        connection = store._abandon()
        if connection is not None:
            import ctypes

            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))  # one reference too many: never freed


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
