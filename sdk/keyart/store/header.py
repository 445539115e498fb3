"""The header of the file: which root key it needs, and which one has still to be destroyed.

Nothing in it is secret.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, field

from ..errors import StoreDamaged
from .envelope import WHAT_HELPS

_CHECK_BYTES = 8


@dataclass(frozen=True, slots=True)
class FileHeader:
    """The row of table `a`.

    Attributes:
        store_id: Id of the file.
        sealed_file_key: The sealed file key, or None before the first profile.
        profiles: Number of profiles.
        retired: Id of a root key that has still to be destroyed: the one before a forget() or rotate(), or the one
            that was to follow if that was cut off.
    """

    store_id: bytes
    sealed_file_key: bytes | None = field(default=None, repr=False)
    profiles: int = 0
    retired: bytes | None = None

    def check(self) -> bytes:
        """Return a checksum that tells bytes that rotted (StoreDamaged) from a wrong passphrase (WrongKey)."""
        parts = (self.store_id, self.sealed_file_key or b"", b"%d" % self.profiles, self.retired or b"")
        return hashlib.sha256(b"|".join(b"%d:%s" % (len(part), part) for part in parts)).digest()[:_CHECK_BYTES]

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> FileHeader:
        """Read the header.

        Raises:
            StoreDamaged: It is missing, or its checksum is wrong.
        """
        row = connection.execute("SELECT s, k, n, o, d FROM a WHERE i = 1").fetchone()
        if row is not None and _of_types(row[:4], bytes, (bytes, type(None)), int, (bytes, type(None))):
            header = cls(*row[:4])
            if header.check() == row[4]:
                return header
        raise StoreDamaged(f"The head of the profile's file is damaged. {WHAT_HELPS}")

    def write(self, connection: sqlite3.Connection) -> None:
        """Write the header."""
        row = (self.store_id, self.sealed_file_key, self.profiles, self.retired, self.check())
        connection.execute("INSERT OR REPLACE INTO a (i, s, k, n, o, d) VALUES (1, ?, ?, ?, ?, ?)", row)


def _of_types(values: tuple[object, ...], *types: type | tuple[type, ...]) -> bool:
    return all(isinstance(value, wanted) for value, wanted in zip(values, types, strict=True))
