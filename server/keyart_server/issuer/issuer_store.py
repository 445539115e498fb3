"""The issuer's records, in an SQLite file: vouchers, certified keys and revoked keys. Keys and vouchers as hashes."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from keyart.errors import SettingError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS vouchers (digest BLOB PRIMARY KEY, expires INTEGER NOT NULL, device BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS certified (device BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revoked (device BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS list (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL);
INSERT OR IGNORE INTO list VALUES (1, 0);
"""


class IssuerStore:
    """The records of one issuer. Several processes may use the file at the same time. Times are Unix seconds.

    Args:
        path: The file, which is created if it is missing.

    Raises:
        SettingError: The file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        try:
            path.touch(0o600)
            self._connection = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
            self._connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_SCHEMA}")
        except (OSError, sqlite3.Error) as error:
            raise SettingError(f"Cannot use {path}: {error}; choose another --data.") from None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add_vouchers(self, digests: Collection[bytes], expires: int) -> None:
        """Add vouchers by their hashes, [32] each."""
        with self._writing() as connection:
            connection.executemany("INSERT INTO vouchers VALUES (?, ?, NULL)", [(one, expires) for one in digests])

    def certify(self, device: bytes, voucher: bytes | None, now: int, expires: int) -> bool:
        """Record a certificate of a device's key (hash, [32]) until `expires`.

        A voucher (hash, [32]) serves one key: the same one again repeats the request. Without a voucher, a key that
        was certified before is renewed.

        Returns:
            False if nothing entitles the key to a certificate, or it was revoked.
        """
        with self._writing() as connection:
            if connection.execute("SELECT 1 FROM revoked WHERE device = ?", (device,)).fetchone():
                return False
            if voucher is None:
                entitled = connection.execute("SELECT 1 FROM certified WHERE device = ?", (device,)).fetchone()
            else:
                used = "UPDATE vouchers SET device = ?1 WHERE digest = ?2 AND expires >= ?3 AND "
                used += "(device IS NULL OR device = ?1) RETURNING 1"
                entitled = connection.execute(used, (device, voucher, now)).fetchone()
            if entitled:
                connection.execute("INSERT OR REPLACE INTO certified VALUES (?, ?)", (device, expires))
            return entitled is not None

    def attest(self, name: bytes, device: bytes, now: int, expires: int) -> bool:
        """Record a certificate of an attested device's key; the key that the same device had before is revoked.

        Returns:
            False if the key was revoked.
        """
        with self._writing() as connection:
            if connection.execute("SELECT 1 FROM revoked WHERE device = ?", (device,)).fetchone():
                return False
            row = connection.execute("SELECT device FROM vouchers WHERE digest = ?", (name,)).fetchone()
            if row is not None and row[0] != device:
                connection.execute("INSERT OR IGNORE INTO revoked VALUES (?, ?)", (row[0], now))
            connection.execute("INSERT OR REPLACE INTO vouchers VALUES (?, ?, ?)", (name, expires, device))
            connection.execute("INSERT OR REPLACE INTO certified VALUES (?, ?)", (device, expires))
            return True

    def revoke(self, device: bytes, now: int) -> None:
        """Revoke a device's key (hash, [32])."""
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO revoked VALUES (?, ?)", (device, now))

    def next_list(self) -> tuple[int, frozenset[bytes]]:
        """Return the number of the next revocation list, and the revoked keys (hashes)."""
        with self._writing() as connection:
            (version,) = connection.execute("UPDATE list SET version = version + 1 RETURNING version").fetchone()
            return version, frozenset(row[0] for row in connection.execute("SELECT device FROM revoked"))

    def count_certified(self, now: int) -> int:
        """Return the number of keys with a valid certificate that was not revoked."""
        with self._lock:
            valid = "SELECT COUNT(*) FROM certified WHERE expires >= ? AND device NOT IN (SELECT device FROM revoked)"
            return int(self._connection.execute(valid, (now,)).fetchone()[0])

    def forget_expired(self, now: int) -> None:
        """Delete vouchers and keys whose time is over; an expired certificate needs no revocation."""
        with self._writing() as connection:
            connection.execute("DELETE FROM vouchers WHERE expires < ?", (now,))
            gone = "DELETE FROM revoked WHERE device IN (SELECT device FROM certified WHERE expires < ?)"
            connection.execute(gone, (now,))
            connection.execute("DELETE FROM certified WHERE expires < ?", (now,))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
