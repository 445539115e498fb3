"""Forgetting: the keys are deleted, then the bytes, and then the files are searched.

A profile is unreadable because its wrapped key is deleted, in one small transaction. The WAL still holds the page as
it was (measured), so it is folded and truncated before and after VACUUM. The old root key is destroyed last; until
then its id stays in the header, so that the next open completes what a kill cut off. Rotation ends in the same way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import FileIO
from pathlib import Path

from ..errors import StoreFull
from . import schema, vault
from .envelope import Sealer
from .header import FileHeader
from .keys import KeyProvider
from .vault import SECRET_BYTES, ProfileKeys

_CHUNK_BYTES = 1 << 20
_NEEDLE_BYTES = 16
_LEAD_BYTES = 17  # version, key id and nonce come before the ciphertext
_SECRET_BYTES = SECRET_BYTES + _NEEDLE_BYTES  # a secret begins after its length


@dataclass(frozen=True, slots=True)
class ForgetReceipt:
    """The result of forgetting.

    Attributes:
        at: Time of forgetting.
        records: Number of records that were deleted.
        verified: True if the files were searched and hold no wrapped key.
    """

    at: datetime
    records: int
    verified: bool


def remove(connection: sqlite3.Connection, keys: KeyProvider, profile: ProfileKeys, store_id: bytes) -> list[bytes]:
    """Delete a profile and its secret, and give the file a new id and root key.

    It needs a transaction; `finish` does the rest.

    Returns:
        The sealed keys that must be found nowhere any more.
    """
    header = FileHeader.read(connection)
    sealed_keys = [header.sealed_file_key or b"", *(sealed for (sealed,) in connection.execute("SELECT k FROM b"))]
    others = []
    if header.profiles > 1:  # otherwise nobody needs to be asked for a key
        opened = vault.open_vault(connection, keys)
        others = [
            wrapped for wrapped in vault.wrapped_secrets(connection, opened) if wrapped.number != profile.number
        ]
    for statement in ("DELETE FROM b WHERE i = ?", "DELETE FROM d WHERE i = ?", "DELETE FROM e WHERE p = ?"):
        connection.execute(statement, (profile.number,))
    if others:
        wrapping = Sealer(keys.root_key(store_id, create=True), "wrap")
        vault.rewrap(connection, others, replace(opened, wrapping=wrapping), store_id)
    else:
        FileHeader(store_id, None, 0, header.store_id).write(connection)
    return sealed_keys


def finish(connection: sqlite3.Connection, keys: KeyProvider) -> None:
    """Complete a forget or a rotation after its transaction. It may be repeated.

    Raises:
        StoreError: A key store failed.
    """
    header = FileHeader.read(connection)
    if header.retired is None:
        return
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    # Without room for a second copy the file stays large, but secure_delete has zeroed the rows.
    schema.vacuum(connection)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    keys.destroy(header.retired)
    replace(header, retired=None).write(connection)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


class Search:
    """A search for sealed keys in the files of a store that is open.

    The files stay open until close(), which comes after that of the store: the first descriptor of the database file
    that is closed ends SQLite's lock on it.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._files: list[FileIO] = []

    def found(self, gone: Iterable[bytes]) -> bool:
        """Return True if 16 consecutive bytes of a sealed key are left.

        Raises:
            StoreFull: The files cannot be read.
        """
        needles = [
            record[start : start + _NEEDLE_BYTES]
            for record in gone
            # The secret is in the first bytes of the ciphertext, after its length; what follows is padding.
            for start in range(_LEAD_BYTES, min(_LEAD_BYTES + _SECRET_BYTES, len(record)), _NEEDLE_BYTES)
        ]
        try:
            if not self._files:
                for path in self._paths:
                    if path.exists():
                        self._files.append(path.open("rb", buffering=0))
            return any(_holds(file, needles) for file in self._files)
        except OSError as error:
            raise StoreFull(f"Done, but the files could not be searched: {error.strerror or error}.") from error

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()


def _holds(file: FileIO, needles: list[bytes]) -> bool:
    overlap = b""
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        window = overlap + chunk
        if any(needle in window for needle in needles):
            return True
        overlap = window[-_NEEDLE_BYTES + 1 :]
    return False
