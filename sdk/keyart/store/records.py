"""The records of one profile: payloads in, sealed rows out, and the ledger that counts them.

No lock and no transaction of its own; `Store` brings both. Rows are read with suspicion, since a torn page
may hold any type in any column.
"""

from __future__ import annotations

import sqlite3
import struct
from typing import Final

from ..errors import SettingError, StoreDamaged
from . import ledger, vault
from .envelope import MAX_CONTENT_BYTES, TAG_BYTES, WHAT_HELPS
from .schema import RECORD_SCHEMA, Table

MAX_ID_BYTES: Final = 0xFFFF

# schema version, table, order of first insertion, hash of the profile's name, of the record id, of the group
_BINDING: Final = struct.Struct(">BBQ16s16s16s")
_ID_LENGTH: Final = struct.Struct(">H")
MAX_PAYLOAD_BYTES: Final = MAX_CONTENT_BYTES - MAX_ID_BYTES - _ID_LENGTH.size

Place = tuple[int, bytes]  # order of first insertion, GCM tag of the record that is there now


class Records:
    """put, get and delete by id and by group. `changed`: the ledger has still to be written."""

    def __init__(self, connection: sqlite3.Connection, profile: vault.Profile) -> None:
        self.changed = False
        self._connection = connection
        self._profile = profile
        self._tallies = list(vault.read_ledger(connection, profile))
        self._verified = False

    def put(self, table: Table, record_id: bytes, payload: bytes, group: str | None) -> None:
        record_hash = self._hash(table, b"record", record_id)
        group_hash = None if group is None else self._group_hash(table, group)
        content = b"".join((_ID_LENGTH.pack(len(record_id)), record_id, payload))
        number, tally = self._profile.number, self._tallies[table - 1]
        place = self._find(table, record_hash)
        order = tally.next if place is None else place[0]
        sealed = self._profile.records.seal(content, self._binding(table, order, record_hash, group_hash))
        mark = sealed[-TAG_BYTES:]
        if place is None:
            self._connection.execute(
                "INSERT INTO c (p, t, n, h, g, r) VALUES (?, ?, ?, ?, ?, ?)",
                (number, int(table), order, record_hash, group_hash, sealed),
            )
            self._set(table, tally.added(mark))
        else:
            self._connection.execute(
                "UPDATE c SET g = ?, r = ? WHERE p = ? AND t = ? AND n = ?",
                (group_hash, sealed, number, int(table), order),
            )
            self._set(table, tally.replaced(place[1], mark))

    def get(self, table: Table, record_id: bytes) -> bytes | None:
        row = self._connection.execute(
            "SELECT n, h, g, r FROM c WHERE p = ? AND t = ? AND h = ?",
            (self._profile.number, int(table), self._hash(table, b"record", record_id)),
        ).fetchone()
        if row is None:
            self.verify_once()
            return None
        return self._unsealed(table, *row)[1]

    def delete(self, table: Table, record_id: bytes) -> bool:
        place = self._find(table, self._hash(table, b"record", record_id))
        return place is not None and self._delete(table, [place]) == 1

    def delete_group(self, table: Table, group: str) -> int:
        self.verify_once()
        rows = self._connection.execute(
            "SELECT n, substr(r, -16) FROM c WHERE p = ? AND t = ? AND g = ?",
            (self._profile.number, int(table), self._group_hash(table, group)),
        )
        return self._delete(table, [_place(row) for row in rows.fetchall()])

    def batch(self, table: Table, after: int, rows: int) -> list[tuple[int, bytes, bytes]]:
        """(order, record id, payload) of the next records after the order number `after`."""
        found = self._connection.execute(
            "SELECT n, h, g, r FROM c WHERE p = ? AND t = ? AND n > ? ORDER BY n LIMIT ?",
            (self._profile.number, int(table), after, rows),
        ).fetchall()
        return [(row[0], *self._unsealed(table, *row)) for row in found]

    def count(self, table: Table) -> int:
        return self._tallies[table - 1].records

    def total(self) -> int:
        """How many records all tables hold."""
        return sum(tally.records for tally in self._tallies)

    def verify_once(self) -> None:
        """Before the first answer "there is none", and the first scan: is everything there that should be?"""
        if not self._verified:
            ledger.verify(self._connection, self._profile.number, tuple(self._tallies))
            self._verified = True

    def write_ledger(self) -> None:
        """Seals the ledger, if it changed, into the transaction that changed it."""
        if self.changed:
            vault.write_ledger(self._connection, self._profile, tuple(self._tallies))
            self.changed = False

    def _set(self, table: Table, tally: ledger.Tally) -> None:
        self._tallies[table - 1] = tally
        self.changed = True

    def _find(self, table: Table, record_hash: bytes) -> Place | None:
        row = self._connection.execute(
            "SELECT n, substr(r, -16) FROM c WHERE p = ? AND t = ? AND h = ?",
            (self._profile.number, int(table), record_hash),
        ).fetchone()
        if row is None:
            self.verify_once()
            return None
        return _place(row)

    def _delete(self, table: Table, places: list[Place]) -> int:
        if places:
            self._connection.executemany(
                "DELETE FROM c WHERE p = ? AND t = ? AND n = ?",
                [(self._profile.number, int(table), order) for order, _ in places],
            )
            self._set(table, self._tallies[table - 1].removed(mark for _, mark in places))
        return len(places)

    def _unsealed(
        self, table: Table, order: object, record_hash: object, group_hash: object, sealed: object
    ) -> tuple[bytes, bytes]:
        if not (
            isinstance(order, int)
            and order > 0
            and isinstance(record_hash, bytes)
            and isinstance(group_hash, (bytes, type(None)))
        ):
            raise StoreDamaged(f"A row of the profile makes no sense. {WHAT_HELPS}")
        binding = self._binding(table, order, record_hash, group_hash)
        content = self._profile.records.unseal(sealed, binding)
        (length,) = _ID_LENGTH.unpack_from(content)
        split = _ID_LENGTH.size + length
        return content[_ID_LENGTH.size : split], content[split:]

    def _binding(self, table: Table, order: int, record_hash: bytes, group_hash: bytes | None) -> bytes:
        name_hash = self._profile.name_hash
        return _BINDING.pack(RECORD_SCHEMA, table, order, name_hash, record_hash, group_hash or b"")

    def _hash(self, table: Table, kind: bytes, content: bytes) -> bytes:
        return vault.keyed_hash(self._profile.index_key, b"%s%c%s" % (kind, table, content))

    def _group_hash(self, table: Table, group: str) -> bytes:
        return self._hash(table, b"group", group.encode("utf-8", "surrogatepass"))


def require_fitting(record_id: bytes, payload: bytes) -> None:
    """SettingError if a record would be larger than the format allows."""
    if len(record_id) > MAX_ID_BYTES or len(payload) > MAX_PAYLOAD_BYTES:
        raise SettingError(
            f"A record's id holds at most {MAX_ID_BYTES} bytes and its payload {MAX_PAYLOAD_BYTES}; "
            f"these are {len(record_id)} and {len(payload)}. Split the record."
        )


def _place(row: tuple[object, object]) -> Place:
    order, mark = row
    if not isinstance(order, int) or not isinstance(mark, bytes):
        raise StoreDamaged(f"A row of the profile makes no sense. {WHAT_HELPS}")
    return order, mark
