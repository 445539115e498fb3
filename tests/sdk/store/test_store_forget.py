"""Forgetting: the key is nowhere, an old copy does not open, and the other profiles are still there."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime

import pytest
from support.disk import Disk, mounted
from support.stores import Host

from keyart.errors import StoreClosed, StoreError, StoreFull, WrongKey
from keyart.store import shredding
from keyart.store.database import Store, Table
from keyart.store.keys import HostKey, PassphraseKey

NOW = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)


def fill(store):
    for i in range(300):
        store.put(Table.VIEW, b"%d" % i, b"x" * 200, group="t")
    store.put(Table.HEAD, b"head", bytes(50_000))


def pieces_of(sealed: bytes, size: int = 16):
    """Pieces that lie side by side: any 31 bytes that are left hold one of them."""
    return [sealed[i : i + size] for i in range(5, len(sealed) - size + 1, size)]


def test_no_byte_of_the_keys_or_records_is_left(path, tmp_path, host):
    store = Store.open(path, host.keys, clock=lambda: NOW)
    fill(store)
    everything = "SELECT r FROM e UNION ALL SELECT k FROM b UNION ALL SELECT k FROM a"
    sealed = [row[0] for row in store._file.connection.execute(everything).fetchall()]
    assert len(sealed) == 303
    root = next(iter(host.secrets.values()))
    receipt = store.forget()
    assert (receipt.at, receipt.records, receipt.verified) == (NOW, 301, True)
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert root not in left
    for record in sealed:
        assert not any(piece in left for piece in pieces_of(record))
    assert host.secrets == {}
    assert path.stat().st_size < 50_000
    with pytest.raises(StoreClosed):
        store.put(Table.VIEW, b"1", b"")
    store.close()


def sealed_secret(store) -> bytes:
    return store._file.connection.execute("SELECT k FROM b").fetchone()[0]


def found(path, sealed) -> bool:
    search = shredding.Search([path])
    try:
        return search.found([sealed])
    finally:
        search.close()


def test_the_search_would_find_a_key(path, host):
    store = Store.open(path, host.keys)
    sealed = sealed_secret(store)
    store.close()
    assert found(path, sealed)
    assert not found(path, bytes(reversed(sealed)))
    path.write_bytes(bytes((1 << 20) - 40) + sealed)  # across two pieces of the search
    assert found(path, sealed)
    for start in range(17, 17 + 68, 16):  # any 31 bytes of the sealed secret: the length and two keys
        path.write_bytes(bytes(100) + sealed[start : start + 16] + bytes(100))
        assert found(path, sealed), start


def test_without_the_checkpoint_the_receipt_says_so(path, host, monkeypatch):
    """The WAL holds the page as it was: `verified` can be False, and the checkpoint makes it True."""
    store = Store.open(path, host.keys)
    store.put(Table.VIEW, b"1", b"x")
    monkeypatch.setattr("keyart.store.shredding.finish", lambda connection, keys: None)
    assert not store.forget().verified


def test_the_bytes_are_gone_before_the_root_key_goes(path, host):
    """The root key goes last, so that a kill in between never leaves a sealed key without its root key."""
    store = Store.open(path, host.keys)
    store.put(Table.VIEW, b"1", b"x")
    sealed, seen = sealed_secret(store), []
    keys = HostKey(host.get, host.put, lambda name: (seen.append(found(path, sealed)), host.delete(name)))
    store._file.keys = keys
    assert store.forget().verified
    assert seen == [False]


def test_an_old_copy_cannot_be_opened(path, tmp_path, host):
    store = Store.open(path, host.keys)
    fill(store)
    (tmp_path / "copy").mkdir()
    for file in tmp_path.glob("profile.db*"):
        shutil.copy(file, tmp_path / "copy")
    Store.open(tmp_path / "copy" / path.name, host.keys).close()  # before, it could
    store.forget()
    with pytest.raises(WrongKey):
        Store.open(tmp_path / "copy" / path.name, host.keys)
    with Store.open(path, host.keys) as store:
        assert [store.count(table) for table in Table] == [0] * len(Table)
        store.put(Table.VIEW, b"1", b"anew")
    with pytest.raises(WrongKey):
        Store.open(tmp_path / "copy" / path.name, host.keys)
    with Store.open(path, host.keys) as store:
        assert store.get(Table.VIEW, b"1") == b"anew"


def test_other_profiles_stay_and_get_a_new_root_key(path, tmp_path, host):
    for name in ("ana", "ben", "cleo"):
        with Store.open(path, host.keys, name) as store:
            store.put(Table.VIEW, b"1", name.encode(), group="t")
    shutil.copy(path, tmp_path / "copy.db")
    before = dict(host.secrets)
    with Store.open(path, host.keys, "ben") as store:
        receipt = store.forget()
    assert receipt.records == 1 and receipt.verified
    assert len(host.secrets) == 1 and not set(host.secrets.values()) & set(before.values())
    for name in ("ana", "cleo", "ben"):
        with Store.open(path, host.keys, name) as store:
            assert store.get(Table.VIEW, b"1") == (None if name == "ben" else name.encode())
    with pytest.raises(WrongKey):
        Store.open(tmp_path / "copy.db", host.keys, "ana")


def test_after_forgetting_another_passphrase_may_begin_anew(path):
    with Store.open(path, PassphraseKey("an old one")) as store:
        store.put(Table.VIEW, b"1", b"x")
        (salt,) = store._file.connection.execute("SELECT s FROM a").fetchone()
        assert store.forget().verified
    assert salt not in path.read_bytes()
    with Store.open(path, PassphraseKey("a new one")) as store:
        assert store.get(Table.VIEW, b"1") is None
    with pytest.raises(WrongKey):
        Store.open(path, PassphraseKey("an old one"))


def test_a_host_that_cannot_make_a_new_key_changes_nothing(path, host):
    for name in ("ana", "ben"):
        with Store.open(path, host.keys, name) as store:
            store.put(Table.VIEW, b"1", name.encode())
    with Store.open(path, host.keys, "ana") as store:
        host.failing = {"put"}
        with pytest.raises(StoreError, match="failed at put"):
            store.forget()
        host.failing = set()
        assert store.get(Table.VIEW, b"1") == b"ana"
    for name in ("ana", "ben"):
        with Store.open(path, host.keys, name) as store:
            assert store.get(Table.VIEW, b"1") == name.encode()


def test_forgetting_needs_no_room_for_a_second_copy(path, host, monkeypatch):
    """VACUUM writes the file anew; where there is no room the rows are zeroed where they are."""
    store = Store.open(path, host.keys)
    fill(store)
    sealed = [row[0] for row in store._file.connection.execute("SELECT r FROM e").fetchall()]

    class NoRoom:
        def __init__(self, connection):
            self._real = connection

        def __getattr__(self, name):
            return getattr(self._real, name)

        def execute(self, sql, *values):
            if sql == "VACUUM":
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return self._real.execute(sql, *values)

    store._file.connection = NoRoom(store._file.connection)
    assert store.forget().verified
    left = path.read_bytes()
    assert len(left) > 70_000
    for record in sealed:
        assert not any(piece in left for piece in pieces_of(record))


def test_a_failure_at_each_step_loses_nothing_else(path, tmp_path, host):
    """Every write, sync, truncation and deletion in turn: the profile is there, or it is forgotten; ben stays."""
    for name in ("ana", "ben"):
        with Store.open(path, host.keys, name) as store:
            for i in range(20):
                store.put(Table.VIEW, b"%d" % i, name.encode(), group="t")
    step = errors = 0
    left = set()
    while True:
        folder = tmp_path / str(step)
        folder.mkdir()
        shutil.copy(path, folder)
        mine = Host(dict(host.secrets))
        with mounted(Disk()) as disk:
            store = Store.open(folder / path.name, mine.keys, "ana")
            disk.failing = disk.steps + step
            try:
                assert store.forget().verified
            except StoreFull:
                errors += 1
            store.close()
        with Store.open(folder / path.name, mine.keys, "ben") as store:
            assert list(store.scan(Table.VIEW)) == [(b"%d" % i, b"ben") for i in range(20)], step
        with Store.open(folder / path.name, mine.keys, "ana") as store:
            left.add(store.count(Table.VIEW))
        assert len(mine.secrets) == 1, step
        if not disk.failed:
            break
        shutil.rmtree(folder)
        step += 1
    assert step > 15 and errors > 5 and left == {0, 20}, (step, errors, left)
