"""`Store`: one profile's sealed records on the device.

What put, delete and transaction() have returned from survives a kill -9 of the process; flush() makes it
survive a power cut. Errors are StoreError and its children (SettingError for a wrong call), never one of
sqlite3 or of the operating system; nothing is logged.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn, Self

from ..errors import SettingError, StoreClosed, StoreError, StoreFull
from . import schema, shredding, vault
from .faults import guarded
from .keys import KeyProvider
from .records import Records, require_fitting
from .schema import Table, files_of
from .shredding import ForgetReceipt

__all__ = ["ForgetReceipt", "Store", "Table"]

_SCAN_ROWS: Final = 128  # how many rows are opened under the lock at a time


def _now() -> datetime:
    return datetime.now(UTC)


class Store:
    """Sealed records of one profile, in order, by id and by group. Made by `Store.open`; thread-safe."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        keys: KeyProvider,
        profile: vault.Profile,
        clock: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._path = path
        self._file = path.resolve()  # absolute: the working folder may change while the store is open
        self._keys = keys
        self._profile = profile
        self._clock = clock
        self._lock = threading.RLock()
        self._records: Records | None = None  # None: its ledger is read from the file at the next use
        self._depth = 0  # how many transaction() blocks are open, one in the other
        self._failed = False  # something inside the open transaction went wrong: it can only be rolled back
        self._closed = False

    @classmethod
    def open(
        cls,
        path: str | Path,
        keys: KeyProvider,
        profile: str = "default",
        *,
        clock: Callable[[], datetime] = _now,
    ) -> Self:
        """The store at `path`, made at the first open. The clock dates the receipt of forget().

        Errors: WrongKey, StoreBusy (it is open elsewhere), StoreDamaged, StoreFull (read-only, too),
        StoreError (a folder, a newer keyart, a key store that fails), SettingError.
        """
        if not isinstance(profile, str) or not profile:
            raise SettingError("A profile's name is a text that is not empty.")
        path = Path(path)
        try:
            file = path.resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(f"{str(path)!r} cannot be a path of this machine ({error}).") from error
        connection = schema.connect(file, keys.in_memory, vault.prepare)
        try:
            with guarded:
                shredding.finish(connection, keys)
                return cls(connection, path, keys, vault.unlock(connection, keys, profile), clock)
        except BaseException:
            schema.disconnect(connection)
            raise

    @property
    def path(self) -> Path:
        """The path that it was opened with."""
        return self._path

    @property
    def size_bytes(self) -> int:
        """Bytes on disk, the WAL included; of a store in memory, the bytes of its pages."""
        with self._lock, guarded:
            self._require_open()
            if self._keys.in_memory:
                (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
                (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
                return int(pages * page_bytes)
            total = 0
            for part in files_of(self._file):
                with contextlib.suppress(FileNotFoundError):
                    total += part.stat().st_size
            return total

    @property
    def in_transaction(self) -> bool:
        """Whether the calling thread is inside transaction(); waits for a transaction of another thread."""
        with self._lock:
            return self._depth > 0

    def put(self, table: Table, record_id: bytes, payload: bytes, group: str | None = None) -> None:
        """Stores a record, or replaces the one of that id, which keeps its place in the order.

        group: a text, such as a title's id, by which delete_group finds the record; its keyed hash is kept.
        Errors: SettingError if it is larger than 16 MiB; StoreFull.
        """
        require_fitting(record_id, payload)
        with self.transaction(), guarded:
            self._records_here().put(table, record_id, payload, group)

    def get(self, table: Table, record_id: bytes) -> bytes | None:
        """The payload of a record, or None if there is none of that id."""
        with self._lock, guarded:
            return self._records_here().get(table, record_id)

    def delete(self, table: Table, record_id: bytes) -> bool:
        """Deletes a record; False if there was none."""
        with self.transaction(), guarded:
            return self._records_here().delete(table, record_id)

    def delete_group(self, table: Table, group: str) -> int:
        """Deletes all records of a group; says how many there were."""
        with self.transaction(), guarded:
            return self._records_here().delete_group(table, group)

    def scan(self, table: Table) -> Iterator[tuple[bytes, bytes]]:
        """(record id, payload) of each record, in the order of first insertion.

        Other calls may come in between; what they change further on in the order is seen.
        """
        with self._lock, guarded:
            self._records_here().verify_once()
        return self._scan(table)

    def count(self, table: Table) -> int:
        """How many records the table holds."""
        with self._lock, guarded:
            return self._records_here().count(table)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. A nested one joins the outer one, and if it fails, the outer one cannot succeed."""
        with self._lock:
            self._require_open()
            if self._depth:
                with self._joined():
                    yield
                return
            with guarded:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
                if self._failed:
                    self._refuse_failed()
                with guarded:
                    self._records_here().write_ledger()
                    self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._depth = 0
                self._failed = False

    def flush(self) -> None:
        """Returns when all that was stored survives a power cut: the WAL is folded in, all is synced."""
        with self._lock, guarded:
            self._require_open()
            self._refuse_in_transaction("flush")
            self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()

    def forget(self) -> ForgetReceipt:
        """Shreds this profile: its key, its records, the root key of the file. Then the store is closed.

        Other profiles of the same file stay, under a new root key. With a HostKey or KeyringKey an old copy
        of the file cannot be opened any more; with a PassphraseKey whoever has the copy and the passphrase
        still can. A StoreError from a failing key store leaves the rest to the next open, which finishes it.
        """
        with self._lock:
            self._require_open()
            self._refuse_in_transaction("forget")
            with guarded:
                records = self._records_here().total()
                with self.transaction():
                    gone = vault.remove(self._connection, self._keys, self._profile)
                self._closed = True
                try:
                    shredding.finish(self._connection, self._keys)
                finally:
                    schema.disconnect(self._connection)
            try:
                found = not self._keys.in_memory and shredding.found_in_files(self._file, gone)
            except OSError as error:
                raise StoreFull(
                    f"Forgotten, but the files could not be searched: {error.strerror or error}."
                ) from error
            return ForgetReceipt(self._clock(), records, not found)

    def close(self) -> None:
        """Closes the store; a second call does nothing. Without a write in this session no file changes."""
        with self._lock:
            if not self._closed:
                self._refuse_in_transaction("close")
                self._closed = True
                schema.disconnect(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self._path)!r}{', closed' if self._closed else ''})"

    def _scan(self, table: Table) -> Iterator[tuple[bytes, bytes]]:
        order = 0
        while True:
            with self._lock, guarded:
                rows = self._records_here().batch(table, order, _SCAN_ROWS)
            for order, record_id, payload in rows:  # noqa: B007 (the last order begins the next batch)
                yield record_id, payload
            if len(rows) < _SCAN_ROWS:
                return

    @contextlib.contextmanager
    def _joined(self) -> Iterator[None]:
        # After a failure SQLite may have rolled back by itself; what came next would then commit on its own.
        if self._failed:
            self._refuse_failed()
        self._depth += 1
        try:
            yield
        except BaseException:
            self._failed = True
            raise
        finally:
            self._depth -= 1

    def _roll_back(self) -> None:
        # The ledger is read anew: SQLite may have rolled back already, or an interrupted COMMIT have worked.
        self._records = None
        if self._connection.in_transaction:
            with guarded:
                self._connection.execute("ROLLBACK")

    def _records_here(self) -> Records:
        self._require_open()
        if self._records is None:
            self._records = Records(self._connection, self._profile)
        return self._records

    def _refuse_failed(self) -> NoReturn:
        raise StoreError("Something inside this transaction failed, so all of it is rolled back. Begin it again.")

    def _require_open(self) -> None:
        if self._closed:
            raise StoreClosed(f"The store {self._path} is closed; open it again with Store.open.")

    def _refuse_in_transaction(self, verb: str) -> None:
        if self._depth:
            raise StoreError(f"{verb}() inside a transaction: leave the transaction first.")
