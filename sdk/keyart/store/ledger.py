"""The ledger: how many records each table of a profile holds, and a digest of them.

By it a lost or stale record is noticed.

GCM shows that a record was not changed. It cannot show that one is missing: a torn page may drop rows, or bring back
old ones, and an index may overlook them. So each transaction also writes, sealed, one tally a table:

    next order number (8) | count (8) | digest (16), big-endian; the tables in the order of `Table`

The digest is the exclusive or of the marks of the records: GCM tag xor hash of the id. It finds accidents; it is no
proof against an attacker who rolls the whole file back, which only a counter outside the file can show
(`keyart.campaigns.spent_counter`).
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ..errors import StoreDamaged
from .envelope import TAG_BYTES, WHAT_HELPS
from .schema import Table

_ENTRY: Final = struct.Struct(f">QQ{TAG_BYTES}s")
TABLES: Final = len(Table)


def mark_of(record_hash: bytes, tag: bytes) -> int:
    """Return the mark of a record, which the digest is the exclusive or of."""
    return int.from_bytes(record_hash) ^ int.from_bytes(tag)


class Tally(NamedTuple):
    """The tally of one table.

    Attributes:
        next: Order number of its next record.
        records: Number of records.
        digest: Digest of the records.
    """

    next: int = 1
    records: int = 0
    digest: int = 0

    def added(self, mark: int) -> Tally:
        """Return the tally with one more record."""
        return Tally(self.next + 1, self.records + 1, self.digest ^ mark)

    def replaced(self, old: int, new: int) -> Tally:
        """Return the tally with a record in the place of another."""
        return Tally(self.next, self.records, self.digest ^ old ^ new)

    def removed(self, mark: int) -> Tally:
        """Return the tally with one record less."""
        return Tally(self.next, self.records - 1, self.digest ^ mark)


Ledger = Sequence[Tally]  # the tally of table t is at index t − 1
EMPTY: Final = (Tally(),) * TABLES


def pack(ledger: Ledger) -> bytes:
    """Encode a ledger: the bytes that are sealed."""
    return b"".join(_ENTRY.pack(tally.next, tally.records, tally.digest.to_bytes(TAG_BYTES)) for tally in ledger)


def unpack(content: bytes) -> Ledger:
    """Decode a ledger. Tables that a later keyart added are empty in an older profile.

    Raises:
        StoreDamaged: The length is wrong.
    """
    if len(content) % _ENTRY.size:
        raise StoreDamaged(f"The ledger of the profile has a wrong length. {WHAT_HELPS}")
    tallies = tuple(
        Tally(order, count, int.from_bytes(digest)) for order, count, digest in _ENTRY.iter_unpack(content)
    )
    return tallies + EMPTY[len(tallies) :]


def require_sound(connection: sqlite3.Connection) -> None:
    """Raise StoreDamaged unless SQLite finds its pages in order."""
    (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if answer != "ok":
        raise StoreDamaged(f"The profile's file is damaged. {WHAT_HELPS}")


def verify_rows(ledger: Ledger, rows: Iterable[Sequence[object]]) -> None:
    """Check that the rows are exactly those of the ledger. It takes about 1 µs a record; no record is opened.

    Args:
        ledger: The ledger.
        rows: Table, order, hash of the id and GCM tag of each record.

    Raises:
        StoreDamaged: Records are missing, or are old ones.
    """
    totals = [[0, 0, 0] for _ in ledger]  # highest order number, count, digest
    for table, order, record_hash, tag in rows:
        if (
            not (isinstance(table, int) and isinstance(order, int))
            or not (isinstance(record_hash, bytes) and isinstance(tag, bytes))
            or not 1 <= table <= len(ledger)
            or order < 1
        ):
            raise StoreDamaged(f"A row of the profile makes no sense. {WHAT_HELPS}")
        entry = totals[table - 1]
        entry[0] = max(entry[0], order)
        entry[1] += 1
        entry[2] ^= mark_of(record_hash, tag)
    for tally, (highest, count, digest) in zip(ledger, totals, strict=True):
        if highest >= tally.next or count != tally.records or digest != tally.digest:
            raise StoreDamaged(f"Records of the profile are missing, or are old ones. {WHAT_HELPS}")
