"""Migrations from any older file to the present schema, step by step, each step in a transaction of its own.

A step is SQL; if records have to be sealed anew there is a `reseal` between the statements before and after it, which
is given each profile of the file with its keys. A process that is killed in between leaves a file of the older schema
or of the newer one. Migrations run once the file has been opened with its keys, so wrong keys change nothing.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ..errors import StoreDamaged, StoreError
from . import ledger, sealed_rows, vault
from .envelope import KEY_BYTES, TAG_BYTES, WHAT_HELPS, derive
from .header import FileHeader
from .schema import Table
from .vault import ProfileKeys, Vault, WrappedSecret

Reseal = Callable[[sqlite3.Connection, Vault, WrappedSecret], None]


@dataclass(frozen=True, slots=True)
class Migration:
    """A step: statements, then `reseal` for each profile (it also writes the ledger), then statements."""

    before: tuple[str, ...]
    reseal: Reseal | None = None
    after: tuple[str, ...] = ()


def make(connection: sqlite3.Connection) -> None:
    """Fill a new file with the present schema and an id."""
    _steps(connection, lambda: ())
    vault.prepare(connection)


def require_known(connection: sqlite3.Connection) -> None:
    """Raise StoreError if the file is from a newer keyart."""
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise StoreError(
            f"This profile was made by a newer keyart (schema {version}; this one knows {len(MIGRATIONS)}). "
            "Update keyart; nothing was changed."
        )


def migrate(connection: sqlite3.Connection, opened: Vault) -> None:
    """Bring an opened file up to date.

    Raises:
        StoreDamaged: A record does not open. The file is as it was.
        StoreFull: The disk is full, read-only or failing. The file is as it was.
    """
    _steps(connection, lambda: [(opened, wrapped) for wrapped in vault.wrapped_secrets(connection, opened)])


def _steps(connection: sqlite3.Connection, profiles: Callable[[], Iterable[tuple[Vault, WrappedSecret]]]) -> None:
    for step in range(_version(connection), len(MIGRATIONS)):
        migration = MIGRATIONS[step]
        connection.execute("BEGIN IMMEDIATE")  # an error ends in a closed connection, and so in a rollback
        for statement in migration.before:
            connection.execute(statement)
        if migration.reseal is not None:
            for opened, wrapped in profiles():
                migration.reseal(connection, opened, wrapped)
        for statement in migration.after:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {step + 1}")
        connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


# schema version, table, order of first insertion, hash of the profile's name, of the record id, of the group
_BINDING_1: Final = struct.Struct(">BBQ16s16s16s")
_ID_LENGTH_1: Final = struct.Struct(">H")


def _labels_inside(connection: sqlite3.Connection, opened: Vault, wrapped: WrappedSecret) -> None:
    """Move the group's hash into the sealed record.

    Schema 1 had the hash of the group beside the record, made with the index key; its digest was of tags alone. A
    change of `sealed_rows.seal` must keep today's version here: this step makes records of schema 2.
    """
    number, name_hash, _, key = wrapped
    if len(key) != KEY_BYTES:
        raise StoreDamaged(f"The key of a profile has a wrong length. {WHAT_HELPS}")
    secret = key + derive(key, "index")
    profile = ProfileKeys.of(number, name_hash, secret)
    ledger.require_sound(connection)
    tallies = vault.read_ledger(connection, profile)
    present = connection.execute("SELECT t, n, zeroblob(16), substr(r, -16) FROM c WHERE p = ?", (number,))
    ledger.verify_rows(tallies, present)
    digests = [0] * len(tallies)
    old = connection.execute("SELECT t, n, h, g, r FROM c WHERE p = ? ORDER BY t, n", (number,))
    for table, order, record_hash, group_hash, record in old:
        if not (isinstance(record_hash, bytes) and isinstance(group_hash, (bytes, type(None)))):
            raise StoreDamaged(f"A row of the profile makes no sense. {WHAT_HELPS}")
        binding = _BINDING_1.pack(1, table, order, name_hash, record_hash, group_hash or b"")
        plain = profile.records.unseal(record, binding)
        split = _ID_LENGTH_1.size + _ID_LENGTH_1.unpack_from(plain)[0]
        content = sealed_rows.RecordContent(
            plain[_ID_LENGTH_1.size : split], group_hash or sealed_rows.NO_GROUP, plain[split:]
        )
        sealed = sealed_rows.seal(profile, Table(table), order, record_hash, content)
        connection.execute(
            "INSERT INTO e (p, t, n, h, r) VALUES (?, ?, ?, ?, ?)", (number, table, order, record_hash, sealed)
        )
        digests[table - 1] ^= ledger.mark_of(record_hash, sealed[-TAG_BYTES:])
    renewed = [tally._replace(digest=digest) for tally, digest in zip(tallies, digests, strict=True)]
    vault.write_ledger(connection, profile, renewed)
    vault.write_secret(connection, FileHeader.read(connection), opened, number, name_hash, secret)


# Entry v leads from schema v to v + 1. Append; never edit one that was released.
MIGRATIONS: Final[tuple[Migration, ...]] = (
    Migration(
        (
            "CREATE TABLE a (i INTEGER PRIMARY KEY CHECK (i = 1), s BLOB NOT NULL, k BLOB, n INTEGER NOT NULL, "
            "o BLOB, d BLOB NOT NULL)",
            "CREATE TABLE b (i INTEGER PRIMARY KEY, h BLOB NOT NULL UNIQUE, k BLOB NOT NULL)",
            "CREATE TABLE c (p INTEGER NOT NULL, t INTEGER NOT NULL, n INTEGER NOT NULL, h BLOB NOT NULL, "
            "g BLOB, r BLOB NOT NULL, PRIMARY KEY (p, t, n)) WITHOUT ROWID",
            "CREATE UNIQUE INDEX ch ON c (p, t, h)",
            "CREATE INDEX cg ON c (p, t, g) WHERE g IS NOT NULL",
            "CREATE TABLE d (i INTEGER PRIMARY KEY, m BLOB NOT NULL)",
        )
    ),
    # Two indexes and a column of hashes took 200 kB of a profile of 580.
    Migration(
        (
            "CREATE TABLE e (p INTEGER NOT NULL, t INTEGER NOT NULL, n INTEGER NOT NULL, h BLOB NOT NULL, "
            "r BLOB NOT NULL, PRIMARY KEY (p, t, n)) WITHOUT ROWID",
        ),
        _labels_inside,
        ("DROP TABLE c",),
    ),
    # Nothing but the number: an earlier keyart would neither read nor expire the records of `Table.PACK`.
    Migration(()),
)
