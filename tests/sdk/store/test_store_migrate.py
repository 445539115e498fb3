"""Older files: opened in order of the steps, each one whole or not at all, with every record."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from support.disk import Disk, mounted
from support.stores import Host, contents, make_schema_1

from keyart.errors import StoreDamaged, StoreError, StoreFull, WrongKey
from keyart.store import ledger, migrations, sealed_rows, vault
from keyart.store.database import Store, Table
from keyart.store.keys import PassphraseKey
from keyart.store.migrations import MIGRATIONS, Migration

ROWS = [
    *((Table.VIEW, b"v%d" % i, b"view %d" % i, f"t{i % 3}") for i in range(30)),
    (Table.DECISION, b"v1", bytes(300), "t1"),
    (Table.HEAD, b"head", bytes(9_000), None),
    (Table.SETTING, b"", b"", ""),
]
PROFILES = {"ana": ROWS, "ben": [(Table.VIEW, b"v1", b"ben's", "t1")], "cleo": []}


def version_of(path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


@pytest.fixture
def old(path, host):
    make_schema_1(path, host.keys, PROFILES)
    return path


def test_a_file_of_schema_1_has_everything(old, host):
    for name, mine in PROFILES.items():
        with Store.open(old, host.keys, name) as store:
            for table in Table:
                expected = [(record_id, payload) for t, record_id, payload, _ in mine if t == table]
                assert list(store.scan(table)) == expected and store.count(table) == len(expected)
            assert all(store.get(table, record_id) == payload for table, record_id, payload, _ in mine)
    assert version_of(old) == len(MIGRATIONS)
    with Store.open(old, host.keys, "ana") as store:
        assert store.delete_group(Table.VIEW, "t1") == 10  # the labels of groups came along
        assert store.delete_group(Table.DECISION, "t1") == 1
        assert store.delete_group(Table.SETTING, "") == 1
        assert store.delete_group(Table.HEAD, "t1") == 0
        store.put(Table.VIEW, b"v1", b"back", "t1")
        assert [name for name, _ in store.scan(Table.VIEW)][-1] == b"v1"
        assert store.delete_group(Table.VIEW, "t1") == 1
    with Store.open(old, host.keys, "ben") as store:
        assert contents(store)[Table.VIEW] == [(b"v1", b"ben's")]


def test_nothing_of_schema_1_is_left_in_the_file(old, host):
    with closing(sqlite3.connect(old)) as connection:
        sealed = [row[0] for row in connection.execute("SELECT r FROM c UNION ALL SELECT g FROM c WHERE g NOT NULL")]
        before = old.stat().st_size
    assert len(sealed) > 60
    Store.open(old, host.keys, "ana").close()
    left = old.read_bytes()
    assert not any(piece[-16:] in left for piece in sealed)
    assert len(left) < before
    with closing(sqlite3.connect(old)) as connection:
        assert {row[0] for row in connection.execute("SELECT name FROM sqlite_master")} == {
            *("a", "b", "d", "e"),
            "sqlite_autoindex_b_1",
        }


def test_wrong_keys_do_not_migrate(old, tmp_path, host, digest_of):
    before = digest_of(tmp_path)
    for keys in (PassphraseKey("a passphrase"), Host().keys):
        with pytest.raises(WrongKey):
            Store.open(old, keys, "ana")
    assert digest_of(tmp_path) == before


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM c WHERE n = 2 AND t = 2 AND p = 1",
        "UPDATE c SET g = randomblob(16) WHERE p = 1 AND n = 2",
        "UPDATE c SET g = 'text' WHERE p = 1 AND n = 2",
        "UPDATE c SET h = 5 WHERE p = 1 AND n = 2",
        "UPDATE c SET r = zeroblob(200) WHERE p = 2",
        "UPDATE b SET k = randomblob(length(k)) WHERE i = 2",
        "DELETE FROM b WHERE i = 3",
        "DELETE FROM d WHERE i = 2",
    ],
)
def test_a_damaged_file_is_not_migrated(old, host, change):
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute(change)
    with pytest.raises(StoreDamaged, match="Restore"):
        Store.open(old, host.keys, "ana")
    assert version_of(old) == 1


def test_a_store_of_a_newer_keyart(path, tmp_path, host, digest_of):
    Store.open(path, host.keys).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 7")
    before = digest_of(tmp_path)
    with pytest.raises(StoreError, match=rf"newer keyart \(schema 7; this one knows {len(MIGRATIONS)}\)"):
        Store.open(path, host.keys)
    assert digest_of(tmp_path) == before


def test_steps_run_in_order_and_whole(old, host, monkeypatch):
    good = Migration(("CREATE TABLE f (i)",)), Migration(("INSERT INTO f VALUES (5)", "UPDATE f SET i = i + 1"))
    bad = Migration(("INSERT INTO f VALUES (5)", "this is no SQL"))
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, good[0], bad))
        with pytest.raises(StoreError):
            Store.open(old, host.keys, "ana")
    assert version_of(old) == len(MIGRATIONS) + 1  # the steps that worked stay, the one that failed left nothing
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, *good))
    with Store.open(old, host.keys, "ana") as store:
        assert store.count(Table.VIEW) == 30
    assert version_of(old) == len(MIGRATIONS) + 2
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT i FROM f").fetchall() == [(6,)]


def seal_anew(connection, opened, wrapped):
    """What a later step may do: another record schema, with the keys of each profile at hand."""
    profile = vault.ProfileKeys.of(wrapped.number, wrapped.name_hash, wrapped.secret)
    tallies = list(vault.read_ledger(connection, profile))
    for table, order, record_hash, sealed in connection.execute("SELECT t, n, h, r FROM e WHERE p = ?", (1,)):
        content = sealed_rows.unseal(profile, table, order, record_hash, sealed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sealed_rows, "RECORD_SCHEMA", 3)
            again = sealed_rows.seal(profile, table, order, record_hash, content)
        tally = tallies[table - 1]
        marks = [ledger.mark_of(record_hash, record[-16:]) for record in (sealed, again)]
        tallies[table - 1] = tally.replaced(*marks)
        connection.execute("UPDATE e SET r = ? WHERE p = 1 AND t = ? AND n = ?", (again, table, order))
    vault.write_ledger(connection, profile, tallies)


def test_a_later_step_that_seals_anew(path, host, monkeypatch):
    with Store.open(path, host.keys) as store:
        for i in range(5):
            store.put(Table.VIEW, b"%d" % i, b"x%d" % i, group="t")
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, Migration((), seal_anew)))
    monkeypatch.setattr("keyart.store.sealed_rows.RECORD_SCHEMA", 2)  # keyart of today does not read what comes out
    with Store.open(path, host.keys) as store, pytest.raises(StoreDamaged, match="changed or moved"):
        store.get(Table.VIEW, b"1")
    monkeypatch.setattr("keyart.store.sealed_rows.RECORD_SCHEMA", 3)
    with Store.open(path, host.keys) as store:
        assert list(store.scan(Table.VIEW)) == [(b"%d" % i, b"x%d" % i) for i in range(5)]
        assert store.delete_group(Table.VIEW, "t") == 5


def test_a_disk_that_fails_at_each_step_of_it(old, tmp_path, host):
    """Every write, sync, truncation and deletion in turn: StoreFull or not, the next open finds everything."""
    expected = [(record_id, payload) for table, record_id, payload, _ in ROWS if table is Table.VIEW]
    step = errors = 0
    while True:
        folder = tmp_path / str(step)
        folder.mkdir()
        shutil.copy(old, folder)
        with mounted(Disk(failing=step)) as disk:
            try:
                Store.open(folder / old.name, host.keys, "ana").close()
            except StoreFull:
                errors += 1
        if not disk.failed:
            break
        with Store.open(folder / old.name, host.keys, "ana") as store:
            assert list(store.scan(Table.VIEW)) == expected, step
            store.put(Table.VIEW, b"usable", b"x")
        shutil.rmtree(folder)
        step += 1
    assert step > 30 and errors > 10, (step, errors)


def test_the_hook_is_given_every_profile(old, host, monkeypatch):
    seen = []
    step = replace(MIGRATIONS[1], reseal=lambda *given: (seen.append(given[2].number), MIGRATIONS[1].reseal(*given)))
    monkeypatch.setattr(migrations, "MIGRATIONS", (MIGRATIONS[0], step))
    Store.open(old, host.keys, "ben").close()
    assert seen == [1, 2, 3]
