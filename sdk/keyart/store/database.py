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
from typing import Final, Self

from ..errors import SettingError, StoreClosed, StoreError, StoreFull
from . import fork, migrations, rotation, schema, shredding, vault
from .envelope import derive
from .faults import guarded
from .keys import CounterKeeper, KeyProvider, PassphraseKey
from .records import Records
from .rotation import RotateReceipt
from .schema import Table, store_files
from .sealed_rows import require_fitting
from .shredding import ForgetReceipt
from .transaction import TransactionStack

__all__ = ["ForgetReceipt", "RotateReceipt", "Store", "Table"]

_SCAN_ROWS: Final = 128  # how many rows are opened under the lock at a time


def _now() -> datetime:
    return datetime.now(UTC)


def _strengthened(connection: sqlite3.Connection, keys: KeyProvider, opened: vault.Vault) -> vault.Vault:
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


class Store:
    """Sealed records of one profile, in order, by id and by group. Made by `Store.open`; thread-safe."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        keys: KeyProvider,
        profile: vault.ProfileKeys,
        clock: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._path = path
        self._file = path.resolve()  # absolute: the working folder may change while the store is open
        self._keys = keys
        self._retired_keys = keys  # of the root key that `Header.retired` names
        self._profile = profile
        self._clock = clock
        self._lock = threading.RLock()
        self._transactions = TransactionStack(connection)
        self._records: Records | None = None  # None: its ledger is read from the file at the next use
        self._search = shredding.Search([] if keys.in_memory else store_files(self._file))
        self._closed = False
        self._forked = False
        self.counter_compared = (
            False  # set once the records were compared with the counter, while this file is locked
        )
        fork.watch(self)

    @classmethod
    def open(
        cls,
        path: str | Path,
        keys: KeyProvider,
        profile: str = "default",
        *,
        clock: Callable[[], datetime] = _now,
    ) -> Self:
        """Open the store at `path`, or create it.

        Args:
            path: File of the store.
            keys: Source of the root key.
            profile: Name of the profile within the file.
            clock: Dates the receipts of `forget` and `rotate`.

        Raises:
            WrongKey: The keys do not open the file.
            StoreBusy: It is open elsewhere.
            StoreDamaged: The file is not a profile, or bytes in it have changed.
            StoreFull: The disk is full, read-only or failing.
            StoreError: The path is a folder, the file is from a newer keyart, or a key store failed.
            SettingError: The name is not a text, or the passphrase of a new file is too short.
        """
        if not isinstance(profile, str) or not profile:
            raise SettingError("A profile's name is a text that is not empty.")
        path = Path(path)
        try:
            file = path.resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(f"{str(path)!r} cannot be a path of this machine ({error}).") from error
        if isinstance(keys, PassphraseKey) and not file.exists():
            keys.require_long()
        connection = schema.connect(file, keys.in_memory, migrations.make)
        try:
            with guarded:
                migrations.require_known(connection)
                opened = vault.open_vault(connection, keys)
                shredding.finish(connection, keys)
                migrations.migrate(connection, opened)
                if opened.outdated:
                    opened = _strengthened(connection, keys, opened)
                return cls(connection, path, keys, vault.unlock(connection, opened, profile), clock)
        except BaseException:
            schema.disconnect(connection)
            raise

    @property
    def path(self) -> Path:
        """Return the path that the store was opened with."""
        return self._path

    @property
    def size_bytes(self) -> int:
        """Return the bytes on disk, the WAL included; for a store in memory, the bytes of its pages."""
        with self._lock, guarded:
            self._require_open()
            if self._keys.in_memory:
                (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
                (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
                return int(pages * page_bytes)
            total = 0
            for part in store_files(self._file):
                with contextlib.suppress(FileNotFoundError):
                    total += part.stat().st_size
            return total

    @property
    def in_transaction(self) -> bool:
        """Return True if the calling thread is inside transaction(). It waits for a transaction of another thread."""
        with self._lock:
            return self._transactions.depth > 0

    def put(self, table: Table, record_id: bytes, payload: bytes, group: str | None = None) -> None:
        """Store a record, or replace the record of that id, which keeps its place in the order.

        Args:
            table: The table.
            record_id: Id of the record.
            payload: Its content.
            group: Text, such as a title's id, that `delete_group` finds the record by. Its keyed hash is kept.

        Raises:
            SettingError: The record is larger than 16 MiB.
            StoreFull: The disk is full, read-only or failing.
        """
        require_fitting(record_id, payload)
        with self.transaction(), guarded:
            self._records_here().put(table, record_id, payload, group)

    def get(self, table: Table, record_id: bytes) -> bytes | None:
        """Return the payload of a record, or None if there is none of that id."""
        with self._lock, guarded:
            return self._records_here().get(table, record_id)

    def delete(self, table: Table, record_id: bytes) -> bool:
        """Delete a record. Return False if there was none."""
        with self.transaction(), guarded:
            return self._records_here().delete(table, record_id)

    def delete_group(self, table: Table, group: str) -> int:
        """Delete all records of a group, and return how many there were."""
        with self.transaction(), guarded:
            return self._records_here().delete_group(table, group)

    def scan(self, table: Table, *, newest_first: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Return (record id, payload) of each record, in the order of first insertion or backwards.

        Records are opened in batches, as they are asked for. Other calls may come in between; what they change
        further on in that direction is seen.
        """
        with self._lock, guarded:
            self._records_here().verify_once()
        return self._scan(table, newest_first)

    def count(self, table: Table) -> int:
        """Return the number of records of a table."""
        with self._lock, guarded:
            return self._records_here().count(table)

    def digest(self, table: Table) -> bytes:
        """Return bytes that differ after any change of the table, for a summary of it that is kept elsewhere."""
        with self._lock, guarded:
            return self._records_here().digest(table)

    @property
    def keeps_counter(self) -> bool:
        """Return True if the source of the root key keeps a counter of this profile outside the file."""
        return isinstance(self._keys, CounterKeeper)

    def read_counter(self) -> bytes | None:
        """Return the counter of this profile, [32]; None if there is none.

        Raises:
            StoreError: The key store failed.
        """
        return self._keys.read_counter(self._counter_name()) if isinstance(self._keys, CounterKeeper) else None

    def write_counter(self, value: bytes) -> None:
        """Keep the counter of this profile, [32], outside the file, where `keeps_counter`.

        Raises:
            StoreError: The key store failed.
        """
        if isinstance(self._keys, CounterKeeper):
            self._keys.write_counter(self._counter_name(), value)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything inside, or nothing. A nested transaction joins the outer one, and its failure fails the
        outer one."""
        with self._lock:
            self._require_open()
            with self._transactions.begun(self._write_ledger, self._roll_back):
                yield

    def flush(self) -> None:
        """Return once everything stored survives a power cut: the WAL is folded in and all is synced."""
        with self._lock, guarded:
            self._require_open()
            self._refuse_in_transaction("flush")
            self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()

    def rotate(self, new_keys: KeyProvider | None = None) -> RotateReceipt:
        """Replace the root key of the file and the profile key, and seal all records of the profile anew.

        An old copy of the file opens as little as after `forget`. Other profiles keep their keys, under the new root
        key.

        Args:
            new_keys: Source of the root key from now on (another passphrase, the host's key store). None keeps the
                source.

        Raises:
            StoreError: A key store failed to destroy the old root key. The new keys are in force; the next rotate(),
                forget() or open completes it.
        """
        with self._lock:
            self._require_open()
            self._refuse_in_transaction("rotate")
            if isinstance(new_keys, PassphraseKey):
                new_keys.require_long()
            new_keys = self._keys if new_keys is None else new_keys
            if new_keys.in_memory != self._keys.in_memory:
                raise SettingError("Keys of a file cannot be those of a store in memory, nor the other way round.")
            with guarded:
                store_id = self._announced()
                self._records_here().verify_once()
                with self.transaction():
                    fresh, retired_keys = rotation.renew(
                        self._connection, self._keys, new_keys, self._profile, store_id
                    )
                self._retired_keys, self._keys, self._profile, self._records = self._keys, new_keys, fresh, None
                shredding.finish(self._connection, self._retired_keys)
                self._move_counter(self._retired_keys)
                self._retired_keys = new_keys
                return RotateReceipt(
                    self._clock(), self._records_here().total(), not self._search.found(retired_keys)
                )

    def forget(self) -> ForgetReceipt:
        """Shred this profile: its key, its records, and the root key of the file. Then the store is closed.

        Other profiles of the same file stay, under a new root key. With a HostKey or KeyringKey an old copy of the
        file cannot be opened any more; with a PassphraseKey a copy and the passphrase still open it.

        Raises:
            StoreError: A key store failed. The next open completes the rest.
        """
        with self._lock:
            self._require_open()
            self._refuse_in_transaction("forget")
            with guarded:
                records = self._records_here().total()
                store_id = self._announced()
                with self.transaction():
                    retired_keys = shredding.remove(self._connection, self._keys, self._profile, store_id)
                try:
                    shredding.finish(self._connection, self._keys)
                    if isinstance(self._keys, CounterKeeper):
                        self._keys.delete_counter(self._counter_name())
                    leftovers = self._search.found(retired_keys)
                finally:
                    self._disconnect()
            return ForgetReceipt(self._clock(), records, not leftovers)

    def close(self) -> None:
        """Close the store. A second call does nothing, and a session without a write changes no file."""
        with self._lock:
            if self._closed or self._forked:
                return
            self._refuse_in_transaction("close")
            try:
                with guarded:
                    if schema.wrote(self._connection) and not self._keys.in_memory:
                        schema.compact(self._connection)
            finally:
                self._disconnect()

    def _abandon(self) -> sqlite3.Connection | None:
        """Give up the connection in the child of a fork, since the store is the parent's. See `fork`."""
        self._lock = threading.RLock()  # the other one may be held by a thread that was not carried over
        self._forked = True
        return None if self._closed else self._connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self._path)!r}{', closed' if self._closed else ''})"

    def _scan(self, table: Table, newest_first: bool) -> Iterator[tuple[bytes, bytes]]:
        order: int | None = None
        while True:
            with self._lock, guarded:
                rows = self._records_here().batch(table, order, _SCAN_ROWS, newest_first)
            for order, record_id, payload in rows:  # noqa: B007 (the last order begins the next batch)
                yield record_id, payload
            if len(rows) < _SCAN_ROWS:
                return

    def _counter_name(self) -> str:
        # The label key is the one that a rotation keeps. The name tells nobody which profile it is of.
        self._require_open()
        return f"keyart-{derive(self._profile.label_key, 'counter', 16).hex()}"

    def _move_counter(self, old_keys: KeyProvider) -> None:
        """Bring the counter from one key store to another. Cut off, it is made anew at the next answer."""
        if self._keys is old_keys or not isinstance(old_keys, CounterKeeper):
            return
        value = old_keys.read_counter(self._counter_name())
        if value is not None:
            old_keys.delete_counter(self._counter_name())  # before it is written: it may be the same key store
            self.write_counter(value)

    def _announced(self) -> bytes:
        """Return the next id of the file, after completing what an earlier forget() or rotate() has left."""
        shredding.finish(self._connection, self._retired_keys)
        with self.transaction():
            return vault.announce(self._connection)

    def _disconnect(self) -> None:
        self._closed = True
        try:
            schema.disconnect(self._connection)
        finally:
            self._search.close()

    def _write_ledger(self) -> None:
        self._records_here().write_ledger()

    def _roll_back(self) -> None:
        # The ledger is read anew: SQLite may have rolled back already, or an interrupted COMMIT have worked.
        self._records = None
        if not self._forked and self._connection.in_transaction:
            with guarded:
                self._connection.execute("ROLLBACK")

    def _records_here(self) -> Records:
        self._require_open()
        if self._records is None:
            self._records = Records(self._connection, self._profile)
        return self._records

    def _require_open(self) -> None:
        if self._forked:
            raise StoreError(
                f"The store {self._path} was opened in another process, before a fork: open it again in this one. "
                "If that is StoreBusy, it was still open at the fork; close it before."
            )
        if self._closed:
            raise StoreClosed(f"The store {self._path} is closed; open it again with Store.open.")

    def _refuse_in_transaction(self, verb: str) -> None:
        if self._transactions.depth:
            raise StoreError(f"{verb}() inside a transaction: leave the transaction first.")
