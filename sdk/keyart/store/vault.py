"""The keys inside the file.

    root key (KeyProvider) ── HKDF ──► wrapping key ──► seals the file key and the keys of each profile (all random)
    file key ── HKDF ──► hashes the names of profiles
    profile key ── HKDF ──► data keys: "records", "ledger", and "index" for the keyed hashes of ids
    label key ──► hashes the names of groups, inside the sealed records

The secret of a profile is its profile key (32) and its label key (32), sealed together. Rotation replaces the
profile key and keeps the label key: the store has the labels of groups and not their names, so it could not make
them anew, and a label can be read only by opening its record.

A keyed hash is HMAC-SHA256, cut to 16 bytes. The sealed file key is bound to the number of profiles and each
secret to its row, so that a row that is lost or altered is noticed and never taken for a profile that is new.
"""

from __future__ import annotations

import hmac
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..errors import StoreDamaged, WrongKey
from . import ledger
from .envelope import KEY_BYTES, WHAT_HELPS, Sealer, derive
from .header import FileHeader
from .keys import KeyProvider, PassphraseKey
from .schema import STORE_ID_BYTES

HASH_BYTES = 16
SECRET_BYTES = 2 * KEY_BYTES
KEY_SCHEMA = 1  # bound into sealed keys and ledgers, as RECORD_SCHEMA is into records


def keyed_hash(key: bytes, content: bytes) -> bytes:
    """Return the first 16 bytes of HMAC-SHA256 of `content`."""
    return hmac.digest(key, content, "sha256")[:HASH_BYTES]


@dataclass(frozen=True, slots=True)
class ProfileKeys:
    """The keys of one profile, in memory while the store is open. `number` is its row of table `b`."""

    number: int
    name_hash: bytes = field(repr=False)
    records: Sealer
    ledger: Sealer
    index_key: bytes = field(repr=False)
    label_key: bytes = field(repr=False)

    @classmethod
    def of(cls, number: int, name_hash: bytes, secret: bytes) -> ProfileKeys:
        """Derive the keys from the secret of a profile.

        Raises:
            StoreDamaged: The secret is not a profile key and a label key.
        """
        if len(secret) != SECRET_BYTES:
            raise StoreDamaged(f"The keys of a profile have a wrong length. {WHAT_HELPS}")
        key, label_key = secret[:KEY_BYTES], secret[KEY_BYTES:]
        return cls(number, name_hash, Sealer(key, "records"), Sealer(key, "ledger"), derive(key, "index"), label_key)


@dataclass(frozen=True, slots=True)
class Vault:
    """A file that its keys have opened.

    Attributes:
        wrapping: Seals the file key and the keys of each profile.
        file_key: Hashes names; it is not in the file before the first profile.
        outdated: True if the root key is one of an earlier keyart, which `rotation.strengthen` replaces.
    """

    wrapping: Sealer
    file_key: bytes = field(repr=False)
    outdated: bool = False


class WrappedSecret(NamedTuple):
    """A row of table `b`, with the secret that was sealed in it."""

    number: int
    name_hash: bytes
    sealed: bytes
    secret: bytes


def prepare(connection: sqlite3.Connection) -> None:
    """Give a new file its id. Its keys come when the first profile is opened."""
    FileHeader(os.urandom(STORE_ID_BYTES)).write(connection)


def open_vault(connection: sqlite3.Connection, keys: KeyProvider) -> Vault:
    """Open a file with its keys, without changing it.

    Raises:
        WrongKey: The keys are not those of the file.
    """
    header = FileHeader.read(connection)
    fresh = header.sealed_file_key is None
    wrapping = Sealer(keys.root_key(header.store_id, create=fresh), "wrap")
    if fresh:
        return Vault(wrapping, os.urandom(KEY_BYTES))
    opened = _unsealed(header, wrapping)
    if opened is None and isinstance(keys, PassphraseKey):
        opened = _unsealed(header, Sealer(keys.former_root_key(header.store_id), "wrap"), outdated=True)
    if opened is None:
        raise WrongKey(
            "These keys do not open this profile. Give the passphrase or key store that it was made with; "
            "nothing was changed."
        )
    return opened


def unlock(connection: sqlite3.Connection, vault: Vault, name: str) -> ProfileKeys:
    """Return the keys of the profile of that name, which is created if it is new.

    Raises:
        StoreDamaged: A profile is missing, or does not open.
    """
    name_hash = keyed_hash(derive(vault.file_key, "profile names"), name.encode("utf-8", "surrogatepass"))
    row = connection.execute("SELECT i, h, k FROM b WHERE h = ?", (name_hash,)).fetchone()
    if row is None:
        wrapped_secrets(connection, vault)  # a lost profile would begin empty: are all there that should be?
        return _new_profile(connection, vault, name_hash)
    opened = _opened(FileHeader.read(connection), vault, row)
    return ProfileKeys.of(opened.number, opened.name_hash, opened.secret)


def wrapped_secrets(connection: sqlite3.Connection, vault: Vault) -> list[WrappedSecret]:
    """Return the secrets of all profiles.

    Raises:
        StoreDamaged: Their number differs from the header's, or one does not open.
    """
    header = FileHeader.read(connection)
    rows = connection.execute("SELECT i, h, k FROM b").fetchall()
    if len(rows) != header.profiles:
        raise StoreDamaged(f"A profile is missing from the file. {WHAT_HELPS}")
    return [_opened(header, vault, row) for row in rows]


def announce(connection: sqlite3.Connection) -> bytes:
    """Note the next id of the file before a root key is made for it, and return it.

    It needs a transaction of its own.

    If the process dies before the file has that id, the next open destroys the unused root key.
    """
    store_id = os.urandom(STORE_ID_BYTES)
    replace(FileHeader.read(connection), retired=store_id).write(connection)
    return store_id


def rewrap(connection: sqlite3.Connection, profiles: Sequence[WrappedSecret], vault: Vault, store_id: bytes) -> None:
    """Give the file another id, and seal the keys of `profiles` and the file key anew. It needs a transaction.

    The old root key (`FileHeader.retired`) has then to be destroyed.
    """
    following = FileHeader(store_id, None, len(profiles), FileHeader.read(connection).store_id)
    for number, name_hash, _, secret in profiles:
        write_secret(connection, following, vault, number, name_hash, secret)
    _with_file_key(following, vault).write(connection)


def write_secret(
    connection: sqlite3.Connection, header: FileHeader, vault: Vault, number: int, name_hash: bytes, secret: bytes
) -> None:
    """Seal the secret of a profile into its row."""
    sealed = vault.wrapping.seal(secret, _secret_binding(header, number, name_hash))
    connection.execute("INSERT OR REPLACE INTO b (i, h, k) VALUES (?, ?, ?)", (number, name_hash, sealed))


def read_ledger(connection: sqlite3.Connection, profile: ProfileKeys) -> ledger.Ledger:
    """Return the ledger of a profile.

    Raises:
        StoreDamaged: It is missing or does not open.
    """
    row = connection.execute("SELECT m FROM d WHERE i = ?", (profile.number,)).fetchone()
    return ledger.unpack(profile.ledger.unseal(row and row[0], _ledger_binding(profile)))


def write_ledger(connection: sqlite3.Connection, profile: ProfileKeys, tallies: ledger.Ledger) -> None:
    """Seal the ledger into its row. It belongs into the transaction that it describes."""
    sealed = profile.ledger.seal(ledger.pack(tallies), _ledger_binding(profile))
    connection.execute(
        "INSERT INTO d (i, m) VALUES (?, ?) ON CONFLICT (i) DO UPDATE SET m = excluded.m", (profile.number, sealed)
    )


def _new_profile(connection: sqlite3.Connection, vault: Vault, name_hash: bytes) -> ProfileKeys:
    connection.execute("BEGIN IMMEDIATE")  # an error ends in a closed connection, and so in a rollback
    header = FileHeader.read(connection)
    (highest,) = connection.execute("SELECT coalesce(max(i), 0) FROM b").fetchone()
    number, secret = highest + 1, os.urandom(SECRET_BYTES)
    profile = ProfileKeys.of(number, name_hash, secret)
    write_secret(connection, header, vault, number, name_hash, secret)
    write_ledger(connection, profile, ledger.EMPTY)
    _with_file_key(replace(header, profiles=header.profiles + 1), vault).write(connection)
    connection.execute("COMMIT")
    return profile


def _unsealed(header: FileHeader, wrapping: Sealer, outdated: bool = False) -> Vault | None:
    """Return the file as this key opens it, or None if it is another key."""
    try:
        return Vault(wrapping, wrapping.unseal(header.sealed_file_key, _file_binding(header)), outdated)
    except StoreDamaged:  # the header's check holds, so it is the key that is not the right one
        return None


def _opened(header: FileHeader, vault: Vault, row: tuple[object, object, object]) -> WrappedSecret:
    number, name_hash, sealed = row
    if not (isinstance(number, int) and isinstance(name_hash, bytes) and isinstance(sealed, bytes)):
        raise StoreDamaged(f"The list of profiles is damaged. {WHAT_HELPS}")
    secret = vault.wrapping.unseal(sealed, _secret_binding(header, number, name_hash))
    return WrappedSecret(number, name_hash, sealed, secret)


def _with_file_key(header: FileHeader, vault: Vault) -> FileHeader:
    return replace(header, sealed_file_key=vault.wrapping.seal(vault.file_key, _file_binding(header)))


def _ledger_binding(profile: ProfileKeys) -> bytes:
    return b"ledger%c%s" % (KEY_SCHEMA, profile.name_hash)


def _secret_binding(header: FileHeader, number: int, name_hash: bytes) -> bytes:
    return b"profile%c%s%d|%s" % (KEY_SCHEMA, header.store_id, number, name_hash)


def _file_binding(header: FileHeader) -> bytes:
    return b"file%c%s%d" % (KEY_SCHEMA, header.store_id, header.profiles)
