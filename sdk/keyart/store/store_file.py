"""Store file: this process's one connection to a file, shared by the profiles of the file that are open.

SQLite's exclusive lock is on the file, so a process has one connection to it. The first profile that is opened
connects, the last one that is closed disconnects, and in between all of them share the connection, its lock, its
transactions and the source of the root key: after a rotation by one profile the new keys serve the others, too. A
store in memory is shared by nobody.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from ..errors import StoreBusy, StoreError, StoreFull
from . import fork, migrations, rotation, schema, shredding, vault
from .faults import STILL_THERE, guarded
from .header import FileHeader
from .keys import EphemeralKey, KeyProvider
from .records import Records
from .schema import store_files
from .vault import ProfileKeys, Vault

if TYPE_CHECKING:
    from _thread import RLock


class _OpenFiles:
    """The open files of this process, by absolute path.

    `lock` is held while one is opened or closed; it comes before the lock of a file.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock = threading.RLock()
        self.by_path: weakref.WeakValueDictionary[Path, StoreFile] = weakref.WeakValueDictionary()


_open_files: Final = _OpenFiles()


def opening() -> RLock:
    """Return the lock that is held while a file is opened or closed."""
    return _open_files.lock


class TransactionStack:
    """The open transactions of a connection: all or nothing, and nested ones join the outer one.

    `depth` is the number of nested blocks. The owner of the connection locks.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.depth = 0
        self._connection = connection
        self._failed = False  # something inside went wrong: it can only be rolled back

    def begin(self) -> None:
        """Begin a transaction, or join the open one."""
        if self.depth == 0:
            with guarded:
                self._connection.execute("BEGIN IMMEDIATE")
        elif self._failed:  # SQLite may have rolled back by itself; what came next would then commit on its own
            self._refuse()
        self.depth += 1

    def end(self, failed: bool, before_commit: Callable[[], None], roll_back: Callable[[], None]) -> None:
        """End what `begin` began: commit or roll back. If a nested one fails, the outer one cannot succeed."""
        if self.depth > 1:
            self.depth -= 1
            self._failed = self._failed or failed
            return
        try:
            if failed:
                roll_back()
            else:
                self._commit(before_commit, roll_back)
        finally:
            self.depth = 0
            self._failed = False

    def _commit(self, before_commit: Callable[[], None], roll_back: Callable[[], None]) -> None:
        try:
            if self._failed:
                self._refuse()
            with guarded:
                before_commit()
                self._connection.execute("COMMIT")
        except BaseException:
            roll_back()
            raise

    def _refuse(self) -> NoReturn:
        raise StoreError("Something inside this transaction failed, so all of it is rolled back. Begin it again.")


class Transaction:
    """A transaction of a file and all its profiles, for `with`: everything inside is committed, or nothing.

    Each record that is written is in one. A class takes a fifth of the time of `contextlib.contextmanager`.
    """

    __slots__ = ("_file", "_lock", "_require_open")

    def __init__(self, file: StoreFile, require_open: Callable[[], None]) -> None:
        self._file, self._require_open = file, require_open

    def __enter__(self) -> None:
        self._lock = self._file.lock  # the file gets another one in a forked child
        self._lock.acquire()
        try:
            self._require_open()
            self._file.begin()
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        try:
            self._file.end(failed=kind is not None)
        finally:
            self._lock.release()


class StoreFile:
    """An open file of stores. Its users hold `lock` for whatever they do with it.

    Attributes:
        connection: The connection.
        keys: Source of the root key.
        retired_keys: Source of the root key that `FileHeader.retired` names.
        lock: Its lock, for one thread at a time.
        transactions: The transactions of all profiles. One that spans two profiles is one transaction.
        search: The search for sealed keys in the files.
        path: The absolute path: the working folder may change while the file is open.
        read_only: True if the storage cannot be written: the connection is to a copy in memory.
        forked: True in the child of a fork, to which the file does not belong.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, keys: KeyProvider, read_only: bool = False
    ) -> None:
        self.connection, self.keys, self.retired_keys, self.read_only = connection, keys, keys, read_only
        self.lock = threading.RLock()
        self.transactions = TransactionStack(connection)
        self.search = shredding.Search([] if keys.in_memory or read_only else store_files(path))
        self.path = path
        self._identity = None if keys.in_memory else _identity(path)
        self.forked = self._closed = False
        # Weak, so that a store that was dropped without close() holds neither its name nor the file.
        self._stores: weakref.WeakValueDictionary[str, object] = weakref.WeakValueDictionary()
        self._records: weakref.WeakSet[Records] = weakref.WeakSet()
        fork.watch(self)

    def admit(self, name: str, store: object) -> None:
        """Note that a profile is open."""
        self._stores[name] = store

    def require_free(self, name: str) -> None:
        """Raise StoreBusy if the profile of that name is open."""
        if name in self._stores:
            raise StoreBusy(
                f"The profile {name!r} of {self.path} is open in this process already. Use that Personalizer, or "
                "close it before."
            )

    def require_same(self) -> None:
        """Raise StoreError if the file at the path is another one now: what is stored here would be lost."""
        if _identity(self.path) != self._identity:
            raise StoreError(
                f"{self.path} was moved or deleted while a profile of it is open. Close its profiles, then try again."
            )

    def leave(self, name: str) -> None:
        """Close a profile, and with the last one the file. The caller holds `opening()`."""
        self._stores.pop(name, None)
        if self._stores:
            return
        if _open_files.by_path.get(self.path) is self:
            del _open_files.by_path[self.path]
        self._closed = True
        try:
            schema.disconnect(self.connection)
        finally:
            self.search.close()

    @property
    def shared(self) -> bool:
        """Return True if several profiles of the file are open."""
        return len(self._stores) > 1

    def records_of(self, profile: ProfileKeys) -> Records:
        """Return the records of a profile, whose ledger is written with each transaction."""
        records = Records(self.connection, profile)
        self._records.add(records)
        return records

    def begin(self) -> None:
        """Begin a transaction of all profiles, or join the open one."""
        if self.read_only:
            raise read_only_error(self.path)
        self.transactions.begin()

    def end(self, failed: bool) -> None:
        """End what `begin` began."""
        self.transactions.end(failed, self._write_ledgers, self._roll_back)

    def require_owned(self) -> None:
        """Raise StoreError in the child of a fork."""
        if self.forked:
            raise StoreError(
                f"The store {self.path} was opened in another process, before a fork: open it again in this one. "
                "If that is StoreBusy, it was still open at the fork; close it before."
            )

    def _write_ledgers(self) -> None:
        self.require_owned()
        for records in list(self._records):
            records.write_ledger()

    def _roll_back(self) -> None:
        # All ledgers are read anew: SQLite may have rolled back already, or an interrupted COMMIT have worked.
        for records in list(self._records):
            records.stale = True
        if not self.forked and self.connection.in_transaction:
            with guarded:
                self.connection.execute("ROLLBACK")

    def _abandon(self) -> sqlite3.Connection | None:
        """Give up the connection in the child of a fork, since the file is the parent's. See `fork`."""
        self.lock = threading.RLock()  # the other one may be held by a thread that was not carried over
        self.forked = True
        return None if self._closed else self.connection


def open_profile(file_path: Path, keys: KeyProvider, name: str) -> tuple[StoreFile, ProfileKeys]:
    """Return the file at an absolute path, and the keys of a profile in it. The caller holds `opening()`.

    Raises:
        StoreBusy: The profile is open here, or the file in another process.
        StoreError: The file cannot be opened; see `Store.open`.
    """
    file = None if keys.in_memory else _open_files.by_path.get(file_path)
    if file is not None:
        file.require_free(name)
        file.require_same()
        with file.lock, guarded:
            if file.transactions.depth:
                raise StoreError("A profile is opened inside a transaction of its file: leave the transaction first.")
            return file, vault.unlock(file.connection, vault.open_vault(file.connection, keys), name)
    if not keys.in_memory and schema.is_read_only(file_path):
        return _open_read_only(file_path, keys, name)
    connection = schema.connect(file_path, keys.in_memory, migrations.make)
    try:
        with guarded:
            migrations.require_known(connection)
            opened = vault.open_vault(connection, keys)
            shredding.finish(connection, keys)
            migrations.migrate(connection, opened)
            if opened.outdated:
                opened = _strengthened(connection, keys, opened)
            file, profile = StoreFile(connection, file_path, keys), vault.unlock(connection, opened, name)
    except BaseException:
        schema.disconnect(connection)
        raise
    if not keys.in_memory:
        _open_files.by_path[file_path] = file
    return file, profile


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def is_held(lock: RLock) -> bool:
    """Return True if the calling thread holds the lock."""
    try:
        threading.Condition(lock).notify(0)
    except RuntimeError:  # what a condition raises where its lock is not held
        return False
    return True


def run_outside_locks(work: Callable[[], None], *locks: RLock) -> None:
    """Run `work`, which closes a profile that was dropped.

    Garbage collection comes at any moment, also while this thread holds a lock and is half-way through something.
    Then the work is done on a thread of its own.

    Args:
        work: The work.
        locks: Locks that it takes, beside `opening()`.
    """
    first = opening()
    if any(is_held(lock) for lock in (first, *locks)) or not first.acquire(blocking=False):
        with suppress(RuntimeError):  # the interpreter ends, and starts no thread any more
            threading.Thread(target=work, daemon=True).start()
        return
    try:
        work()
    finally:
        first.release()


def read_only_error(path: Path) -> StoreFull:
    """Return the error of a write to storage that is read-only."""
    return StoreFull(f"{path} cannot be written: it, or its folder, is read-only. {STILL_THERE}")


def _open_read_only(file_path: Path, keys: KeyProvider, name: str) -> tuple[StoreFile, ProfileKeys]:
    """Open a copy in memory of a file that cannot be written. No key is made or destroyed for it."""
    connection = schema.connect_copy(file_path, migrations.make)
    try:
        with guarded:
            migrations.require_known(connection)
            fresh = FileHeader.read(connection).sealed_file_key is None
            opened = vault.open_vault(connection, EphemeralKey() if fresh else keys)
            migrations.migrate(connection, opened)
            file = StoreFile(connection, file_path, keys, read_only=True)
            profile = vault.unlock(connection, opened, name)
    except BaseException:
        schema.disconnect(connection)
        raise
    if not fresh:  # what is made in memory alone is nobody else's
        _open_files.by_path[file_path] = file
    return file, profile


def _strengthened(connection: sqlite3.Connection, keys: KeyProvider, opened: Vault) -> Vault:
    """Replace an outdated root key, or leave the file as it is where the disk has no room."""
    try:
        with guarded:
            strengthened = rotation.strengthen(connection, keys, opened)
    except StoreFull:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return opened
    shredding.finish(connection, keys)
    return strengthened


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_files.reset)
