"""Rotation: a fresh root key for the file and a fresh profile key for one profile, whose records are sealed anew.

All of it is one transaction; it ends as forgetting does (`shredding.finish`), with the old root key destroyed last. A
process that is killed on the way leaves a file that the old keys open, or one that the new keys open.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from . import sealed_rows, vault
from .envelope import KEY_BYTES, TAG_BYTES, Sealer
from .header import FileHeader
from .keys import KeyProvider
from .ledger import mark_of
from .schema import STORE_ID_BYTES, Table
from .vault import ProfileKeys, Vault

_RESEALED_AT_A_TIME: Final = 128


@dataclass(frozen=True, slots=True)
class RotateReceipt:
    """The result of a rotation.

    Attributes:
        at: Time of the rotation.
        records: Number of records that were sealed anew.
        verified: True if the files were searched and hold no old wrapped key.
    """

    at: datetime
    records: int
    verified: bool


def renew(
    connection: sqlite3.Connection, keys: KeyProvider, new_keys: KeyProvider, profile: ProfileKeys, store_id: bytes
) -> tuple[ProfileKeys, list[bytes], list[bytes]]:
    """Replace the keys of a profile within a transaction, after its records were verified.

    Args:
        connection: Connection of the store.
        keys: Source of the present root key.
        new_keys: Source of the new root key.
        profile: Present keys of the profile.
        store_id: New id of the file.

    Returns:
        The new keys of the profile, the sealed keys that must be found nowhere any more, and the label keys of all
        profiles of the file.

    Raises:
        WrongKey: The keys are not those of the file.
        StoreDamaged: A record does not open.
        StoreFull: The disk is full, read-only or failing.
        StoreError: A key store failed.
    """
    header = FileHeader.read(connection)
    opened = vault.open_vault(connection, keys)
    profiles = vault.wrapped_secrets(connection, opened)
    secret = os.urandom(KEY_BYTES) + profile.label_key
    renewed = [
        wrapped._replace(secret=secret) if wrapped.number == profile.number else wrapped for wrapped in profiles
    ]
    wrapping = Sealer(new_keys.root_key(store_id, create=True), "wrap")
    vault.rewrap(connection, renewed, replace(opened, wrapping=wrapping), store_id)
    fresh = ProfileKeys.of(profile.number, profile.name_hash, secret)
    _reseal(connection, profile, fresh)
    retired_keys = [header.sealed_file_key or b"", *(wrapped.sealed for wrapped in profiles)]
    return fresh, retired_keys, [wrapped.secret[KEY_BYTES:] for wrapped in profiles]


def strengthen(connection: sqlite3.Connection, keys: KeyProvider, opened: Vault) -> Vault:
    """Give a file whose root key is outdated another id and a root key of today, and return it as that opens it.

    It is one transaction; `shredding.finish` has to follow. Profiles keep their keys.
    """
    store_id = os.urandom(STORE_ID_BYTES)
    wrapping = Sealer(keys.root_key(store_id, create=True), "wrap")
    renewed = replace(opened, wrapping=wrapping, outdated=False)
    connection.execute("BEGIN IMMEDIATE")
    vault.rewrap(connection, vault.wrapped_secrets(connection, opened), renewed, store_id)
    connection.execute("COMMIT")
    return renewed


def _reseal(connection: sqlite3.Connection, old: ProfileKeys, new: ProfileKeys) -> None:
    tallies = list(vault.read_ledger(connection, old))
    for table in Table:
        digest, after = 0, 0
        while batch := connection.execute(
            "SELECT n, h, r FROM e WHERE p = ? AND t = ? AND n > ? ORDER BY n LIMIT ?",
            (old.number, int(table), after, _RESEALED_AT_A_TIME),
        ).fetchall():
            for order, record_hash, sealed in batch:
                content = sealed_rows.unseal(old, table, order, record_hash, sealed)
                new_hash = sealed_rows.hash_of(new, table, content.record_id)
                again = sealed_rows.seal(new, table, order, new_hash, content)
                connection.execute(
                    "UPDATE e SET h = ?, r = ? WHERE p = ? AND t = ? AND n = ?",
                    (new_hash, again, new.number, int(table), order),
                )
                digest ^= mark_of(new_hash, again[-TAG_BYTES:])
            after = batch[-1][0]
        tallies[table - 1] = tallies[table - 1]._replace(digest=digest)
    vault.write_ledger(connection, new, tallies)
