"""`Store`: one profile's sealed records on the device.

What put, delete and transaction() have returned from survives a kill -9 of the process; flush() makes it
survive a power cut. Errors are StoreError and its children (SettingError for a wrong call), never one of
sqlite3 or of the operating system; nothing is logged.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from ..errors import SettingError, StoreClosed, StoreError
from . import rotation, schema, shredding, store_file, vault
from .envelope import derive
from .faults import guarded
from .keys import CounterKeeper, KeyProvider, PassphraseKey
from .records import Records
from .rotation import RotateReceipt
from .schema import Table, store_files
from .sealed_rows import require_fitting
from .shredding import ForgetReceipt
from .store_file import StoreFile, Transaction

if TYPE_CHECKING:
    from _thread import RLock

__all__ = ["ForgetReceipt", "RotateReceipt", "Store", "Table"]

_SCAN_ROWS: Final = 128  # how many rows are opened under the lock at a time


def _now() -> datetime:
    return datetime.now(UTC)


def _counter_name_of(label_key: bytes) -> str:
    # The label key is the one that a rotation keeps. The name tells nobody which profile it is of.
    return f"keyart-{derive(label_key, 'counter', 16).hex()}"


class Store:
    """Sealed records of one profile, in order, by id and by group. Made by `Store.open`; thread-safe.

    Stores of several profiles of one file may be open in a process at the same time (`store_file`).
    """

    def __init__(
        self, file: StoreFile, path: Path, name: str, profile: vault.ProfileKeys, clock: Callable[[], datetime]
    ) -> None:
        self._file, self._path, self._name, self._profile, self._clock = file, path, name, profile, clock
        self.read_only = file.read_only
        self._records: Records | None = None  # None: its ledger is read from the file at the next use
        self._closed = False
        self.counter_compared = False  # set once the records were compared with the counter, under the file's lock

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

        Storage that cannot be written opens as `read_only`, from a copy in memory.

        Args:
            path: File of the store.
            keys: Source of the root key. If another profile of the file is open in this process, its source serves
                both.
            profile: Name of the profile within the file.
            clock: Dates the receipts of `forget` and `rotate`.

        Raises:
            WrongKey: The keys do not open the file.
            StoreBusy: The profile is open in this process, or the file in another one.
            StoreDamaged: The file is not a profile, or bytes in it have changed.
            StoreFull: The disk is full or failing.
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
        with store_file.opening():
            opened, profile_keys = store_file.open_profile(file, keys, profile)
            store = cls(opened, path, profile, profile_keys, clock)
            opened.admit(profile, store)
        return store

    @property
    def path(self) -> Path:
        """Return the path that the store was opened with."""
        return self._path

    @property
    def keys(self) -> KeyProvider:
        """Return the source of the root key, which a rotation by any profile of the file replaces."""
        return self._file.keys

    @property
    def forked(self) -> bool:
        """Return True in the child of a fork, to which the store does not belong."""
        return self._file.forked

    def run_outside_locks(self, work: Callable[[], None], *locks: RLock) -> None:
        """Run `work`, which takes `locks` and closes this store, from garbage collection (`store_file`)."""
        store_file.run_outside_locks(work, self._file.lock, *locks)

    @property
    def size_bytes(self) -> int:
        """Return the bytes on disk, the WAL included; for a store in memory, the bytes of its pages."""
        with self._file.lock, guarded:
            self._require_open()
            if self.keys.in_memory or self.read_only:
                (pages,) = self._file.connection.execute("PRAGMA page_count").fetchone()
                (page_bytes,) = self._file.connection.execute("PRAGMA page_size").fetchone()
                return int(pages * page_bytes)
            total = 0
            for part in store_files(self._file.path):
                with contextlib.suppress(FileNotFoundError):
                    total += part.stat().st_size
            return total

    @property
    def in_transaction(self) -> bool:
        """Return True if the calling thread is inside transaction(). It waits for a transaction of another thread."""
        with self._file.lock:
            return self._file.transactions.depth > 0

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
        with self._file.lock, guarded:
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
        with self._file.lock, guarded:
            self._records_here().verify_once()
        return self._scan(table, newest_first)

    def count(self, table: Table) -> int:
        """Return the number of records of a table."""
        with self._file.lock, guarded:
            return self._records_here().count(table)

    def digest(self, table: Table) -> bytes:
        """Return bytes that differ after any change of the table, for a summary of it that is kept elsewhere."""
        with self._file.lock, guarded:
            return self._records_here().digest(table)

    @property
    def keeps_counter(self) -> bool:
        """Return True if the source of the root key keeps a counter of this profile outside the file."""
        return isinstance(self.keys, CounterKeeper)

    def read_counter(self) -> bytes | None:
        """Return the counter of this profile, [32]; None if there is none.

        Raises:
            StoreError: The key store failed.
        """
        return self.keys.read_counter(self._counter_name()) if isinstance(self.keys, CounterKeeper) else None

    def write_counter(self, value: bytes) -> None:
        """Keep the counter of this profile, [32], outside the file, where `keeps_counter`.

        Raises:
            StoreError: The key store failed.
        """
        if isinstance(self.keys, CounterKeeper):
            self.keys.write_counter(self._counter_name(), value)

    def transaction(self) -> Transaction:
        """Return a context: everything inside is committed, or nothing.

        A nested transaction joins the outer one, and its failure fails the outer one.
        """
        return Transaction(self._file, self._require_open)

    def flush(self) -> None:
        """Return once everything stored survives a power cut: the WAL is folded in and all is synced."""
        self._checkpoint("FULL", "flush")

    def fold_in_background(self) -> None:
        """Leave it to the owner to call `fold` from time to time, so that nothing else waits for the disk to sync."""
        with self._file.lock, guarded:
            self._require_open()
            self._file.connection.execute(f"PRAGMA wal_autocheckpoint = {schema.MAX_WAL_PAGES}")

    def fold(self) -> None:
        """Fold the WAL into the database file, which waits for the disk to sync, for all profiles of the file."""
        self._checkpoint("PASSIVE", "fold")

    def _checkpoint(self, mode: str, what: str) -> None:
        """Fold the WAL in. `what` names the call where a transaction is open, in which it is refused."""
        with self._file.lock, guarded:
            self._require_open()
            self._refuse_in_transaction(what)
            if not self.read_only:
                self._file.connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

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
        with self._file.lock:
            self._require_open()
            self._refuse_in_transaction("rotate")
            if isinstance(new_keys, PassphraseKey):
                new_keys.require_long()
            file, old_keys = self._file, self.keys
            new_keys = old_keys if new_keys is None else new_keys
            if new_keys.in_memory != old_keys.in_memory:
                raise SettingError("Keys of a file cannot be those of a store in memory, nor the other way round.")
            with guarded:
                store_id = self._announced()
                self._records_here().verify_once()
                with self.transaction():
                    fresh, retired_keys, label_keys = rotation.renew(
                        file.connection, old_keys, new_keys, self._profile, store_id
                    )
                file.retired_keys, file.keys, self._profile, self._records = old_keys, new_keys, fresh, None
                shredding.finish(file.connection, old_keys)
                self._move_counters(old_keys, label_keys)
                file.retired_keys = new_keys
                return RotateReceipt(self._clock(), self._records_here().total(), not file.search.found(retired_keys))

    def forget(self) -> ForgetReceipt:
        """Shred this profile: its key, its records, and the root key of the file. Then the store is closed.

        Other profiles of the same file stay, under a new root key. With a HostKey or KeyringKey an old copy of the
        file cannot be opened any more; with a PassphraseKey a copy and the passphrase still open it.

        Raises:
            StoreError: A key store failed. The next open completes the rest.
        """
        with store_file.opening(), self._file.lock:
            self._require_open()
            self._refuse_in_transaction("forget")
            file = self._file
            with guarded:
                records = self._records_here().total()
                store_id = self._announced()
                with self.transaction():
                    retired_keys = shredding.remove(file.connection, self.keys, self._profile, store_id)
                    self._records = None  # its ledger went with the profile
                try:
                    shredding.finish(file.connection, self.keys)
                    if isinstance(self.keys, CounterKeeper):
                        self.keys.delete_counter(self._counter_name())
                    leftovers = file.search.found(retired_keys)
                finally:
                    self._leave()
            return ForgetReceipt(self._clock(), records, not leftovers)

    def close(self) -> None:
        """Close the store, and with the last one the file.

        A second call does nothing, and a session without a write changes no file.
        """
        with store_file.opening(), self._file.lock:
            if self._closed or self._file.forked:
                return
            self._refuse_in_transaction("close")
            file = self._file
            try:
                if not file.shared:
                    with guarded:
                        if schema.wrote(file.connection) and not self.keys.in_memory and not file.read_only:
                            schema.compact(file.connection)
            finally:
                self._leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self._path)!r}{', closed' if self._closed else ''})"

    def _scan(self, table: Table, newest_first: bool) -> Iterator[tuple[bytes, bytes]]:
        order: int | None = None
        while True:
            with self._file.lock, guarded:
                rows = self._records_here().batch(table, order, _SCAN_ROWS, newest_first)
            for order, record_id, payload in rows:  # noqa: B007 (the last order begins the next batch)
                yield record_id, payload
            if len(rows) < _SCAN_ROWS:
                return

    def _counter_name(self) -> str:
        self._require_open()
        return _counter_name_of(self._profile.label_key)

    def _move_counters(self, old_keys: KeyProvider, label_keys: Sequence[bytes]) -> None:
        """Bring the counters of all profiles from one key store to another.

        Cut off, they are made anew at the next answer.
        """
        if self.keys is old_keys or not isinstance(old_keys, CounterKeeper):
            return
        for name in map(_counter_name_of, label_keys):
            value = old_keys.read_counter(name)
            if value is not None:
                old_keys.delete_counter(name)  # before it is written: it may be the same key store
                if isinstance(self.keys, CounterKeeper):
                    self.keys.write_counter(name, value)

    def _announced(self) -> bytes:
        """Return the next id of the file, after completing what an earlier forget() or rotate() has left."""
        self._require_writable()
        shredding.finish(self._file.connection, self._file.retired_keys)
        with self.transaction():
            return vault.announce(self._file.connection)

    def _leave(self) -> None:
        self._closed = True
        self._file.leave(self._name)

    def _records_here(self) -> Records:
        self._require_open()
        if self._records is None or self._records.stale:
            self._records = self._file.records_of(self._profile)
        return self._records

    def _require_writable(self) -> None:
        if self.read_only:
            raise store_file.read_only_error(self._path)

    def _require_open(self) -> None:
        self._file.require_owned()
        if self._closed:
            raise StoreClosed(f"The store {self._path} is closed; open it again with Store.open.")

    def _refuse_in_transaction(self, verb: str) -> None:
        if self._file.transactions.depth:
            raise StoreError(f"{verb}() inside a transaction: leave the transaction first.")
