"""The records of one profile: payloads in, sealed rows out, and the ledger that counts them.

No lock and no transaction of its own; `Store` brings both. Before the first answer all rows are compared with
the ledger. That pass sees every row, so it also notes where each record is: an index in memory, about 0.1 kB a
record, which the file need not carry. Rows are read with suspicion, since a torn page may hold any type in any
column.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from ..errors import StoreDamaged
from . import ledger, sealed_rows, vault
from .envelope import TAG_BYTES, WHAT_HELPS
from .ledger import mark_of
from .schema import Table
from .sealed_rows import RecordContent

_FORWARDS: Final = "SELECT n, h, r FROM e WHERE p = ? AND t = ? AND n > ? ORDER BY n LIMIT ?"
_BACKWARDS: Final = "SELECT n, h, r FROM e WHERE p = ? AND t = ? AND n < ? ORDER BY n DESC LIMIT ?"
_OPENED_AT_A_TIME: Final = 128

Index = list[dict[bytes, int]]  # a table's records at index t − 1: keyed hash of the id → order number


class Records:
    """The records of one profile by id and by group.

    Attributes:
        changed: True while the ledger has to be written.
        stale: True after a rollback: what is in memory may differ from the file.
    """

    def __init__(self, connection: sqlite3.Connection, profile: vault.ProfileKeys) -> None:
        self.changed = self.stale = False
        self._connection = connection
        self._profile = profile
        self._tallies = list(vault.read_ledger(connection, profile))
        self._index: Index | None = None  # None: not yet compared with the ledger

    def put(self, table: Table, record_id: bytes, payload: bytes, group: str | None) -> None:
        """Store a record, in the place of one with its id."""
        profile, tally = self._profile, self._tallies[table - 1]
        places = self._places(table)
        record_hash = sealed_rows.hash_of(profile, table, record_id)
        content = RecordContent(record_id, sealed_rows.label_of(profile, table, group), payload)
        order = places.get(record_hash)
        if order is None:
            sealed = sealed_rows.seal(profile, table, tally.next, record_hash, content)
            self._connection.execute(
                "INSERT INTO e (p, t, n, h, r) VALUES (?, ?, ?, ?, ?)",
                (profile.number, int(table), tally.next, record_hash, sealed),
            )
            places[record_hash] = tally.next
            self._set(table, tally.added(mark_of(record_hash, sealed[-TAG_BYTES:])))
        else:
            old = self._mark(table, order, record_hash)
            sealed = sealed_rows.seal(profile, table, order, record_hash, content)
            self._connection.execute(
                "UPDATE e SET r = ? WHERE p = ? AND t = ? AND n = ?", (sealed, profile.number, int(table), order)
            )
            self._set(table, tally.replaced(old, mark_of(record_hash, sealed[-TAG_BYTES:])))

    def get(self, table: Table, record_id: bytes) -> bytes | None:
        """Return the payload of a record, or None."""
        record_hash = sealed_rows.hash_of(self._profile, table, record_id)
        order = self._places(table).get(record_hash)
        if order is None:
            return None
        row = self._connection.execute(
            "SELECT h, r FROM e WHERE p = ? AND t = ? AND n = ?", (self._profile.number, int(table), order)
        ).fetchone()
        return sealed_rows.unseal(self._profile, table, order, *(row or (None, None))).payload

    def delete(self, table: Table, record_id: bytes) -> bool:
        """Delete a record. Return False if there was none."""
        record_hash = sealed_rows.hash_of(self._profile, table, record_id)
        order = self._places(table).get(record_hash)
        if order is None:
            return False
        self._delete(table, order, record_hash)
        return True

    def delete_group(self, table: Table, group: str) -> int:
        """Delete the records of a group.

        It opens each record of the table, since only the content holds the group.
        """
        label, deleted, after = sealed_rows.label_of(self._profile, table, group), 0, 0
        self.verify_once()
        while batch := self._rows(table, after, _OPENED_AT_A_TIME, newest_first=False):
            for order, record_hash, sealed in batch:
                if sealed_rows.unseal(self._profile, table, order, record_hash, sealed).label == label:
                    self._delete(table, order, record_hash)
                    deleted += 1
            after = batch[-1][0]
        return deleted

    def batch(
        self, table: Table, after: int | None, count: int, newest_first: bool
    ) -> list[tuple[int, bytes, bytes]]:
        """Return (order, record id, payload) of the next records of a table.

        Args:
            table: The table.
            after: Order number that the batch follows; None for the start.
            count: Maximum number of records.
            newest_first: True for descending order numbers.
        """
        if after is None:
            after = self._tallies[table - 1].next if newest_first else 0
        opened = []
        for order, record_hash, sealed in self._rows(table, after, count, newest_first):
            content = sealed_rows.unseal(self._profile, table, order, record_hash, sealed)
            opened.append((order, content.record_id, content.payload))
        return opened

    def count(self, table: Table) -> int:
        """Return the number of records of a table."""
        return self._tallies[table - 1].records

    def digest(self, table: Table) -> bytes:
        """Return the table's tally, packed. No two states of one table's history have the same."""
        return ledger.pack((self._tallies[table - 1],))

    def total(self) -> int:
        """Return the number of records of all tables."""
        return sum(tally.records for tally in self._tallies)

    def verify_once(self) -> Index:
        """Compare the rows with the ledger before the first answer, and return the index of the records."""
        if self._index is None:
            ledger.require_sound(self._connection)
            present = self._connection.execute(
                "SELECT t, n, h, substr(r, -16) FROM e WHERE p = ?", (self._profile.number,)
            ).fetchall()
            ledger.verify_rows(self._tallies, present)
            index: Index = [{} for _ in self._tallies]
            for table, order, record_hash, _ in present:
                index[table - 1][record_hash] = order
            self._index = index
        return self._index

    def write_ledger(self) -> None:
        """Seal the ledger, if it changed, within the transaction that changed it."""
        if self.changed:
            vault.write_ledger(self._connection, self._profile, self._tallies)
            self.changed = False

    def _places(self, table: Table) -> dict[bytes, int]:
        return self.verify_once()[table - 1]

    def _rows(self, table: Table, after: int, count: int, newest_first: bool) -> list[tuple[int, bytes, bytes]]:
        return self._connection.execute(
            _BACKWARDS if newest_first else _FORWARDS, (self._profile.number, int(table), after, count)
        ).fetchall()

    def _mark(self, table: Table, order: int, record_hash: bytes) -> int:
        row = self._connection.execute(
            "SELECT substr(r, -16) FROM e WHERE p = ? AND t = ? AND n = ?", (self._profile.number, int(table), order)
        ).fetchone()
        if row is None or not isinstance(row[0], bytes):
            raise StoreDamaged(f"A record of the profile has vanished. {WHAT_HELPS}")
        return mark_of(record_hash, row[0])

    def _set(self, table: Table, tally: ledger.Tally) -> None:
        self._tallies[table - 1] = tally
        self.changed = True

    def _delete(self, table: Table, order: int, record_hash: bytes) -> None:
        mark = self._mark(table, order, record_hash)
        self._connection.execute(
            "DELETE FROM e WHERE p = ? AND t = ? AND n = ?", (self._profile.number, int(table), order)
        )
        del self._places(table)[record_hash]
        self._set(table, self._tallies[table - 1].removed(mark))
