"""Forgetting: the keys go, then the bytes go, then somebody looks.

What makes a profile unreadable is that its wrapped key is gone, and that is done in one small transaction.
The WAL still holds the page as it was (measured), so it is folded and truncated before and after VACUUM. The
old root key is destroyed last; until then its id stays in the header, so that a kill in between is made good
at the next open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ..errors import StoreFull
from .envelope import KEY_BYTES
from .faults import as_store_error
from .keys import KeyProvider
from .schema import files_of
from .vault import Header

_CHUNK_BYTES = 1 << 20
_NEEDLE_BYTES = 16
_LEAD_BYTES = 17  # version, key id and nonce come before the ciphertext


@dataclass(frozen=True, slots=True)
class ForgetReceipt:
    """at: when. records: how many were deleted. verified: the files were searched and hold no wrapped key."""

    at: datetime
    records: int
    verified: bool


def finish(connection: sqlite3.Connection, keys: KeyProvider) -> None:
    """What comes after the transaction of `vault.remove`; may be repeated. StoreError: a key store failed."""
    header = Header.read(connection)
    if header.retired is None:
        return
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    try:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error as error:
        # VACUUM needs room for a second copy. Without it the file stays large, but secure_delete has zeroed
        # the rows.
        if not isinstance(as_store_error(error), StoreFull):
            raise
    keys.destroy(header.retired)
    replace(header, retired=None).write(connection)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def found_in_files(path: Path, gone: Iterable[bytes]) -> bool:
    """Whether 16 bytes in a row of a wrapped key are left in the store's files. The store must be closed."""
    needles = [
        record[start : start + _NEEDLE_BYTES]
        for record in gone
        # The secret is in the first bytes of the ciphertext, after its length; what follows is padding.
        for start in range(_LEAD_BYTES, min(_LEAD_BYTES + 2 * KEY_BYTES, len(record)), _NEEDLE_BYTES)
    ]
    return any(_holds(file, needles) for file in files_of(path) if file.exists())


def _holds(file: Path, needles: list[bytes]) -> bool:
    overlap = b""
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            window = overlap + chunk
            if any(needle in window for needle in needles):
                return True
            overlap = window[-_NEEDLE_BYTES + 1 :]
    return False
