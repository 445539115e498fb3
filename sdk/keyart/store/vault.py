"""The keys inside the file.

    root key (KeyProvider) ── HKDF ──► wrapping key ──► seals the file key and each profile key (all random)
    file key ── HKDF ──► hashes the names of profiles
    profile key ── HKDF ──► data keys: "records", "ledger", and "index" for the keyed hashes of ids and groups

A keyed hash is HMAC-SHA256, cut to 16 bytes. The sealed file key is bound to the number of profiles and each
profile key to its row, so that a row that is lost or altered is noticed and never taken for a profile that
is new.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
from dataclasses import dataclass, field, replace

from ..errors import StoreDamaged, WrongKey
from . import ledger
from .envelope import KEY_BYTES, WHAT_HELPS, Sealer, derive
from .keys import KeyProvider
from .schema import RECORD_SCHEMA, STORE_ID_BYTES

HASH_BYTES = 16
_CHECK_BYTES = 8


def keyed_hash(key: bytes, content: bytes) -> bytes:
    """HMAC-SHA256 of `content`, its first 16 bytes."""
    return hmac.digest(key, content, "sha256")[:HASH_BYTES]


@dataclass(frozen=True, slots=True)
class Header:
    """The row of table `a`. retired: the id whose root key has still to be destroyed, after a forget()."""

    store_id: bytes
    sealed_file_key: bytes | None = field(default=None, repr=False)
    profiles: int = 0
    retired: bytes | None = None

    def check(self) -> bytes:
        """No secret in it: it tells bytes that rotted (StoreDamaged) from a wrong passphrase (WrongKey)."""
        parts = (self.store_id, self.sealed_file_key or b"", b"%d" % self.profiles, self.retired or b"")
        return hashlib.sha256(b"|".join(b"%d:%s" % (len(part), part) for part in parts)).digest()[:_CHECK_BYTES]

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Header:
        """StoreDamaged unless it is there and its check holds."""
        row = connection.execute("SELECT s, k, n, o, d FROM a WHERE i = 1").fetchone()
        if row is not None and _of_types(row[:4], bytes, (bytes, type(None)), int, (bytes, type(None))):
            header = cls(*row[:4])
            if header.check() == row[4]:
                return header
        raise StoreDamaged(f"The head of the profile's file is damaged. {WHAT_HELPS}")

    def write(self, connection: sqlite3.Connection) -> None:
        row = (self.store_id, self.sealed_file_key, self.profiles, self.retired, self.check())
        connection.execute("INSERT OR REPLACE INTO a (i, s, k, n, o, d) VALUES (1, ?, ?, ?, ?, ?)", row)


@dataclass(frozen=True, slots=True)
class Profile:
    """One person's keys, in memory while the store is open. number: row of table `b`."""

    number: int
    name_hash: bytes = field(repr=False)
    sealed_key: bytes = field(repr=False)
    records: Sealer
    ledger: Sealer
    index_key: bytes = field(repr=False)

    @classmethod
    def of(cls, number: int, name_hash: bytes, sealed_key: bytes, key: bytes) -> Profile:
        return cls(number, name_hash, sealed_key, Sealer(key, "records"), Sealer(key, "ledger"), derive(key, "index"))


def prepare(connection: sqlite3.Connection) -> None:
    """Gives a new file its id; its keys come when the first profile is opened."""
    Header(os.urandom(STORE_ID_BYTES)).write(connection)


def unlock(connection: sqlite3.Connection, keys: KeyProvider, name: str) -> Profile:
    """The profile of that name, which is made if it is new. Errors: WrongKey, StoreDamaged, StoreError."""
    header = Header.read(connection)
    fresh = header.sealed_file_key is None
    wrapping = Sealer(keys.root_key(header.store_id, create=fresh), "wrap")
    file_key = os.urandom(KEY_BYTES) if fresh else _file_key(header, wrapping)
    name_hash = keyed_hash(derive(file_key, "profile names"), name.encode("utf-8", "surrogatepass"))
    row = connection.execute("SELECT i, k FROM b WHERE h = ?", (name_hash,)).fetchone()
    if row is None:
        _require_all(connection, header, wrapping)
        return _new_profile(connection, header, wrapping, file_key, name_hash)
    number, sealed_key = row
    return Profile.of(number, name_hash, sealed_key, _profile_key(header, wrapping, number, name_hash, sealed_key))


def remove(connection: sqlite3.Connection, keys: KeyProvider, profile: Profile) -> list[bytes]:
    """Deletes the profile and its wrapped key; gives the file a new id and root key. Needs a transaction.

    Returns the sealed keys that must be found nowhere any more. What is left: the old root key
    (`Header.retired`).
    """
    header = Header.read(connection)
    connection.execute("DELETE FROM b WHERE i = ?", (profile.number,))
    connection.execute("DELETE FROM c WHERE p = ?", (profile.number,))
    connection.execute("DELETE FROM d WHERE i = ?", (profile.number,))
    gone = [profile.sealed_key, header.sealed_file_key or b""]
    following = Header(os.urandom(STORE_ID_BYTES), None, header.profiles - 1, header.store_id)
    others = connection.execute("SELECT i, h, k FROM b").fetchall()
    if others:
        old = Sealer(keys.root_key(header.store_id, create=False), "wrap")
        new = Sealer(keys.root_key(following.store_id, create=True), "wrap")
        for number, name_hash, sealed_key in others:
            key = _profile_key(header, old, number, name_hash, sealed_key)
            again = new.seal(key, _profile_binding(following, number, name_hash))
            connection.execute("UPDATE b SET k = ? WHERE i = ?", (again, number))
            gone.append(sealed_key)
        following = _with_file_key(following, new, _file_key(header, old))
    following.write(connection)
    return gone


def _new_profile(
    connection: sqlite3.Connection, header: Header, wrapping: Sealer, file_key: bytes, name_hash: bytes
) -> Profile:
    key = os.urandom(KEY_BYTES)
    connection.execute("BEGIN IMMEDIATE")
    try:
        (highest,) = connection.execute("SELECT coalesce(max(i), 0) FROM b").fetchone()
        number = highest + 1
        sealed_key = wrapping.seal(key, _profile_binding(header, number, name_hash))
        profile = Profile.of(number, name_hash, sealed_key, key)
        connection.execute("INSERT INTO b (i, h, k) VALUES (?, ?, ?)", (number, name_hash, sealed_key))
        write_ledger(connection, profile, ledger.EMPTY)
        _with_file_key(replace(header, profiles=header.profiles + 1), wrapping, file_key).write(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return profile


def read_ledger(connection: sqlite3.Connection, profile: Profile) -> ledger.Ledger:
    """The sealed ledger of the profile. StoreDamaged if it is not there or does not open."""
    row = connection.execute("SELECT m FROM d WHERE i = ?", (profile.number,)).fetchone()
    return ledger.unpack(profile.ledger.unseal(row and row[0], _ledger_binding(profile)))


def write_ledger(connection: sqlite3.Connection, profile: Profile, tallies: ledger.Ledger) -> None:
    """Seals the ledger into its row; belongs into the transaction that it speaks of."""
    sealed = profile.ledger.seal(ledger.pack(tallies), _ledger_binding(profile))
    connection.execute("INSERT OR REPLACE INTO d (i, m) VALUES (?, ?)", (profile.number, sealed))


def _ledger_binding(profile: Profile) -> bytes:
    return b"ledger%c%s" % (RECORD_SCHEMA, profile.name_hash)


def _profile_binding(header: Header, number: int, name_hash: bytes) -> bytes:
    return b"profile%c%s%d|%s" % (RECORD_SCHEMA, header.store_id, number, name_hash)


def _with_file_key(header: Header, wrapping: Sealer, file_key: bytes) -> Header:
    return replace(header, sealed_file_key=wrapping.seal(file_key, _file_binding(header)))


def _file_binding(header: Header) -> bytes:
    return b"file%c%s%d" % (RECORD_SCHEMA, header.store_id, header.profiles)


def _file_key(header: Header, wrapping: Sealer) -> bytes:
    try:
        return wrapping.unseal(header.sealed_file_key, _file_binding(header))
    except StoreDamaged:  # the header's check holds, so it is the key that is not the right one
        raise WrongKey(
            "These keys do not open this profile. Give the passphrase or key store that it was made with; "
            "nothing was changed."
        ) from None


def _profile_key(header: Header, wrapping: Sealer, number: object, name_hash: object, sealed_key: object) -> bytes:
    if not isinstance(number, int) or not isinstance(name_hash, bytes):
        raise StoreDamaged(f"The list of profiles is damaged. {WHAT_HELPS}")
    return wrapping.unseal(sealed_key, _profile_binding(header, number, name_hash))


def _require_all(connection: sqlite3.Connection, header: Header, wrapping: Sealer) -> None:
    """StoreDamaged unless all profiles that the header counts are there: a lost one would begin empty."""
    rows = connection.execute("SELECT i, h, k FROM b").fetchall()
    if len(rows) != header.profiles:
        raise StoreDamaged(f"A profile is missing from the file. {WHAT_HELPS}")
    for number, name_hash, sealed_key in rows:
        _profile_key(header, wrapping, number, name_hash, sealed_key)


def _of_types(values: tuple[object, ...], *types: type | tuple[type, ...]) -> bool:
    return all(isinstance(value, wanted) for value, wanted in zip(values, types, strict=True))
