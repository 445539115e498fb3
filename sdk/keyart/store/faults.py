"""Errors of SQLite as errors of keyart. https://www.sqlite.org/rescode.html lists the codes."""

from __future__ import annotations

import sqlite3
from types import TracebackType

from ..errors import StoreBusy, StoreClosed, StoreDamaged, StoreError, StoreFull
from .envelope import WHAT_HELPS

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_FULL = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_NOMEM,
}
_PRIMARY_CODE = 0xFF  # the low byte of an extended result code

STILL_THERE = "What was stored before is still there."


def as_store_error(error: sqlite3.Error) -> StoreError:
    """Return the StoreError with the same meaning. The texts of SQLite hold no content of records."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by Python's own layer: a closed connection, or a column of the wrong type
        if isinstance(error, sqlite3.ProgrammingError):
            return StoreClosed("This store is closed; open it again with Store.open.")
        return StoreDamaged(f"The profile holds bytes that make no sense. {WHAT_HELPS}")
    primary = code & _PRIMARY_CODE
    if primary in _BUSY:
        return StoreBusy("Another process or thread has this profile open. Close it there, then try again.")
    if primary in _FULL:
        return StoreFull(
            f"The profile cannot be written or read ({error}). Free some space, or check the folder's "
            f"permissions, then try again. {STILL_THERE}"
        )
    if primary == sqlite3.SQLITE_INTERRUPT:
        return StoreError("The store was interrupted; nothing was changed. Try again.")
    # All statements are constants of this package, so a missing table or a broken rule is a changed file.
    return StoreDamaged(f"The file is damaged, or is not a profile of keyart ({error}). {WHAT_HELPS}")


class _Guard:
    """`with guarded:` turns an error of sqlite3 into one of keyart. It has no state: all threads share it."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, sqlite3.Error):
            raise as_store_error(error) from error
        if isinstance(error, UnicodeDecodeError):
            # SQLite's own text quotes the schema; where that was torn, Python cannot even make the message.
            raise StoreDamaged(f"The profile holds bytes that make no sense. {WHAT_HELPS}") from error


guarded = _Guard()
