"""Stores to try things on: a host with a key store, a file of schema 1, and pieces of work in a forked process."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import struct
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from keyart.store.database import Store, Table
from keyart.store.envelope import Sealer, derive
from keyart.store.header import FileHeader
from keyart.store.keys import HostKey, KeyProvider
from keyart.store.migrations import MIGRATIONS
from keyart.store.schema import APPLICATION_ID

Row = tuple[Table, bytes, bytes, str | None]


@dataclass
class Host:
    """The host's key store: a dictionary that can be told to fail."""

    secrets: dict[str, bytes] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)

    def get(self, name: str) -> bytes | None:
        self._fail("get", name)
        return self.secrets.get(name)

    def put(self, name: str, secret: bytes) -> None:
        self._fail("put", name)
        self.secrets[name] = secret

    def delete(self, name: str) -> None:
        self._fail("delete", name)
        del self.secrets[name]

    def _fail(self, verb: str, name: str) -> None:
        if verb in self.failing:
            raise OSError(f"locked while {name} was read; the secret is {self.secrets.get(name)!r}")

    @property
    def keys(self) -> HostKey:
        return HostKey(self.get, self.put, self.delete)


@dataclass
class FolderHost:
    """A key store that outlives a process: one file a secret. before(): called before each change of it."""

    folder: Path
    before: Callable[[], object] = lambda: None

    @property
    def names(self) -> set[str]:
        return {file.name for file in self.folder.iterdir()}

    @property
    def keys(self) -> HostKey:
        return HostKey(self._get, self._put, self._delete)

    def _get(self, name: str) -> bytes | None:
        file = self.folder / name
        return file.read_bytes() if file.exists() else None

    def _put(self, name: str, secret: bytes) -> None:
        self.before()
        partial = self.folder.with_name("partial")
        partial.write_bytes(secret)
        partial.replace(self.folder / name)

    def _delete(self, name: str) -> None:
        self.before()
        (self.folder / name).unlink()


def digest_of(folder: Path) -> dict[str, str]:
    """Every file below a folder, and the hash of its bytes."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def contents(store: Store) -> dict[Table, list[tuple[bytes, bytes]]]:
    return {table: list(store.scan(table)) for table in Table}


def start_fork(work: Callable[[], object]) -> int:
    """Runs `work` in a fork of this process, which ends without a clean-up; its id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the child does not use
        pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    return pid


def run_fork(work: Callable[[], object]) -> int:
    """What `work` in a forked process ended with: 0, 1 after an error, or minus the signal that killed it."""
    _, status = os.waitpid(start_fork(work), 0)
    return os.waitstatus_to_exitcode(status)


def make_schema_1(path: Path, keys: KeyProvider, profiles: dict[str, list[Row]]) -> None:
    """A file as keyart 0.1 made it: the first entry of MIGRATIONS, the hash of the group beside each record."""
    store_id, file_key = os.urandom(16), os.urandom(32)
    wrapping = Sealer(keys.root_key(store_id, True), "wrap")

    def hashed(key: bytes, content: bytes) -> bytes:
        import hmac

        return hmac.digest(key, content, "sha256")[:16]

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for statement in MIGRATIONS[0].before:
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
        for number, (name, rows) in enumerate(profiles.items(), 1):
            key = os.urandom(32)
            name_hash, index = hashed(derive(file_key, "profile names"), name.encode()), derive(key, "index")
            tallies = {table: [1, 0, 0] for table in Table}
            for table, record_id, payload, group in rows:
                tally = tallies[table]
                group_hash = None if group is None else hashed(index, b"group%c%s" % (table, group.encode()))
                record_hash = hashed(index, b"record%c%s" % (table, record_id))
                binding = struct.pack(">BBQ16s16s16s", 1, table, tally[0], name_hash, record_hash, group_hash or b"")
                sealed = Sealer(key, "records").seal(struct.pack(">H", len(record_id)) + record_id + payload, binding)
                connection.execute(
                    "INSERT INTO c VALUES (?, ?, ?, ?, ?, ?)",
                    (number, int(table), tally[0], record_hash, group_hash, sealed),
                )
                tallies[table] = [tally[0] + 1, tally[1] + 1, tally[2] ^ int.from_bytes(sealed[-16:])]
            packed = b"".join(struct.pack(">QQ16s", n, count, d.to_bytes(16)) for n, count, d in tallies.values())
            ledger = Sealer(key, "ledger").seal(packed, b"ledger\1" + name_hash)
            connection.execute("INSERT INTO d VALUES (?, ?)", (number, ledger))
            secret = wrapping.seal(key, b"profile\1%s%d|%s" % (store_id, number, name_hash))
            connection.execute("INSERT INTO b VALUES (?, ?, ?)", (number, name_hash, secret))
        sealed_file_key = wrapping.seal(file_key, b"file\1%s%d" % (store_id, len(profiles)))
        FileHeader(store_id, sealed_file_key, len(profiles)).write(connection)
        connection.execute("PRAGMA journal_mode = WAL")
