"""The file of a store: opaque tables, exactly one writer, and no more bytes than it needs.

    a   the store: s its id, k the sealed file key, n how many profiles, d a checksum of them, and o: the id of a root
    key that has still to be destroyed
    b   profiles: i number, h keyed hash of the name, k the sealed secret
    d   ledgers: i profile, m the sealed ledger
    e   records: p profile, t table, n order, h keyed hash of the id, r the record

SQLite's exclusive locking is the lock: it is on the database file itself, ends with the process in any case, and
keeps the WAL's index in memory, so there is no -shm file. On POSIX, closing any descriptor of a file drops the
process's locks on it: so nothing in keyart opens a live database file in any other way, but for `shredding.Search`,
which closes it after the connection.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Final

from ..errors import StoreBusy, StoreDamaged, StoreError, StoreFull
from .envelope import WHAT_HELPS
from .faults import as_store_error, guarded

APPLICATION_ID: Final = 0x6B797274  # "kyrt"; SQLite keeps it at byte 68 of the file
# Bound into every record. A migration that changes what a record holds raises it and seals the records anew.
RECORD_SCHEMA: Final = 2
STORE_ID_BYTES: Final = 16
PAGE_BYTES: Final = 4096
WAL_PAGES: Final = 48  # 0.2 MB: how far the WAL grows before SQLite folds it into the database
MAX_WAL_PAGES: Final = 1000  # 4 MB: how far it grows where its owner folds it in the background

_FRAME_BYTES: Final = PAGE_BYTES + 24
# What the rows need where the pages are full: so many to a page as fit, and large ones on pages of their own.
_NEEDED_BYTES: Final = (
    "SELECT total(CASE WHEN length(r) < 960 THEN 4096.0 / (4088 / (14 + length(h) + length(r))) "
    "ELSE length(r) + 5096 END) FROM e"
)
_FIXED_BYTES: Final = 8 * PAGE_BYTES  # the other tables

_SUFFIXES: Final = ("", "-wal", "-journal", "-shm")


class Table(IntEnum):
    """The kind of a record. Its number is in the file and in the associated data: never reuse one."""

    CONSENT = 1
    VIEW = 2
    DECISION = 3
    HEAD = 4
    RECEIPT = 5
    SETTING = 6
    ROUND = 7
    DEVICE = 8
    PACK = 9


Prepare = Callable[[sqlite3.Connection], None]


def store_files(path: Path) -> list[Path]:
    """Return every file that SQLite may keep for the store at `path`, whether it exists or not."""
    return [path.with_name(path.name + suffix) for suffix in _SUFFIXES]


def connect(path: Path, in_memory: bool, prepare: Prepare) -> sqlite3.Connection:
    """Return the one connection to the store at `path`, locked for this process. An older file is as it was.

    Args:
        path: File of the store.
        in_memory: True for a store without a file.
        prepare: Fills a new store before it is visible.

    Raises:
        StoreBusy: It is open elsewhere.
        StoreDamaged: The file is not a profile.
        StoreFull: The disk is full, read-only or failing.
        StoreError: The path is a folder, or its folder does not exist.
    """
    if in_memory:
        with guarded:
            connection = _opened(":memory:", uri=False)
            prepare(connection)
            return connection
    try:
        _require_place(path)
        if not path.exists():
            _make(path, prepare)
        elif path.stat().st_nlink > 1:  # the maker was killed before it removed the other name
            _clear_strays(path)
    except OSError as error:
        raise StoreFull(f"Cannot make or reach the profile {path}: {error.strerror or error}.") from error
    with guarded:
        # mode=rw never makes a file: if this one vanishes now, that is an error and not an empty store.
        connection = _opened(f"{path.as_uri()}?mode=rw", uri=True)
        try:
            _require_profile(connection, path)
        except BaseException:
            disconnect(connection)
            raise
        return connection


def is_read_only(path: Path) -> bool:
    """Return True if there is a folder for the store, but it or the file cannot be written."""
    try:
        if path.is_dir() or not path.parent.is_dir():
            return False
        return not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK))
    except (OSError, ValueError):
        return False  # no path of this machine, as `connect` says


def connect_copy(path: Path, prepare: Prepare) -> sqlite3.Connection:
    """Return a connection to a copy in memory of the store at `path`, or to an empty store if there is none.

    Args:
        path: File of the store, which need not be writable.
        prepare: Fills an empty store.

    Raises:
        StoreBusy: Another process is writing to it.
        StoreDamaged: The file is not a profile.
        StoreFull: It cannot be read.
    """
    if not path.exists():
        return connect(path, True, prepare)
    _require_whole(path)
    with guarded:
        connection = _opened(":memory:", uri=False)
        try:
            with tempfile.TemporaryDirectory(prefix="keyart-") as folder:
                source = _opened(f"{_copied(path, Path(folder)).as_uri()}?mode=rw", uri=True)
                try:
                    _require_profile(source, path)
                    source.backup(connection)
                finally:
                    source.close()
        except OSError as error:
            connection.close()
            raise StoreFull(f"The profile {path} cannot be copied: {error.strerror or error}.") from error
        except BaseException:
            connection.close()
            raise
        return connection


def _copied(path: Path, folder: Path) -> Path:
    """Copy a store and its WAL, which holds what was not folded in yet, and return the path of the copy."""

    def state() -> list[tuple[int, int]]:
        return [(stat.st_size, stat.st_mtime_ns) for file in files if (stat := file.stat())]

    files = [file for file in (path, path.with_name(path.name + "-wal")) if file.exists()]
    before = state()
    for file in files:
        shutil.copyfile(file, folder / file.name)
    if state() != before:
        raise StoreBusy("Another process is writing to this profile. Close it there, then try again.")
    return folder / path.name


def disconnect(connection: sqlite3.Connection) -> None:
    """Close the connection.

    A session that wrote nothing leaves the files as they were, even after a killed process.
    """
    with guarded:
        if not wrote(connection):
            # Closing would fold a WAL that was left behind into the database. An interrupted connection does
            # not, and the WAL stays for the next one. (Python 3.12 has SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            # 3.11 does not.)
            connection.interrupt()
        connection.close()


def wrote(connection: sqlite3.Connection) -> bool:
    """Return True if this session changed a row."""
    return connection.total_changes > 0


def compact(connection: sqlite3.Connection) -> None:
    """Rewrite the file if that saves a twentieth: deletes and splits leave pages half empty."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (needed,) = connection.execute(_NEEDED_BYTES).fetchone()
    if pages * PAGE_BYTES > 1.05 * needed + _FIXED_BYTES:
        vacuum(connection)


def vacuum(connection: sqlite3.Connection) -> None:
    """Rewrite the file if there is room for a second copy; otherwise it stays as large as it was."""
    try:
        connection.execute("VACUUM")
    except sqlite3.Error as error:
        if not isinstance(as_store_error(error), StoreFull):
            raise


def _opened(address: str, uri: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(address, timeout=0, isolation_level=None, check_same_thread=False, uri=uri)
    try:
        # Before the first read, so that the WAL is entered with the lock held. Temporary tables hold rows:
        # not on disk.
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "synchronous = NORMAL",
            "secure_delete = ON",
            "temp_store = MEMORY",
            "cell_size_check = ON",
            f"wal_autocheckpoint = {WAL_PAGES}",
            f"journal_size_limit = {WAL_PAGES * _FRAME_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _require_place(path: Path) -> None:
    """Raise an error if no store can be at `path`, or if the file there was emptied."""
    if path.is_dir():
        raise StoreError(f"{path} is a folder; give the path of a file, such as {path / 'profile.db'}.")
    if not path.parent.is_dir():
        raise StoreError(f"There is no folder {path.parent}; make it first, then open the profile.")
    _require_whole(path)


def _require_whole(path: Path) -> None:
    """Raise StoreDamaged if the file was emptied, or if its WAL is there without it."""
    # A store is made whole or not at all (see _make), so neither of these is a new one; SQLite would begin
    # anew.
    if path.exists():
        if path.stat().st_size == 0:
            raise StoreDamaged(f"{path} is empty, which a profile never is. {WHAT_HELPS}")
    else:
        wal = path.with_name(path.name + "-wal")
        if wal.exists() and wal.stat().st_size > 0:
            raise StoreDamaged(f"{path} is missing, but {wal.name} is there. {WHAT_HELPS}")


def _require_profile(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    if application != APPLICATION_ID or version < 1:
        raise StoreDamaged(f"{path} is not a profile of keyart, or its first page is damaged. {WHAT_HELPS}")
    if journal != "wal":  # every store is made so, and flush and forget count on it
        raise StoreDamaged(f"The first page of {path} is damaged. {WHAT_HELPS}")


def _make(path: Path, prepare: Prepare) -> None:
    """Make the store under another name and link it into place: a kill leaves a whole store, or none."""
    _clear_strays(path)
    partial = path.with_name(f"{path.name}.{os.urandom(4).hex()}.new")
    try:
        _build(partial, prepare)
        try:
            os.link(partial, path)  # unlike a rename, never over a store that another process has just made
        except FileExistsError:
            pass
        except FileNotFoundError:  # another process took ours for one that was left behind
            if not path.exists():
                raise StoreBusy("Another process is making this profile now; try again.") from None
        except OSError:  # a file system without links
            partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    _sync(path.parent)


def _clear_strays(path: Path) -> None:
    """Remove the files of a process that was killed while it made the store."""
    pattern = re.compile(re.escape(path.name) + r"\.[0-9a-f]{8}\.new(-wal|-journal)?")
    for stray in path.parent.iterdir():
        if pattern.fullmatch(stray.name):
            stray.unlink(missing_ok=True)


def _build(partial: Path, prepare: Prepare) -> None:
    with guarded:
        connection = _opened(f"{partial.as_uri()}?mode=rwc", uri=True)
        try:
            # Nobody sees the file yet, so one fsync at the end is enough.
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            prepare(connection)
            (journal,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        finally:
            connection.close()
    if journal != "wal":  # SQLite does not say why
        raise StoreFull(f"{partial.parent} cannot be written, or its file system cannot lock; use another folder.")
    partial.chmod(0o600)
    _sync(partial)


def _sync(path: Path) -> None:
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):
        return  # Windows opens no folder; there the file system keeps its own journal of names
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
