"""Rotation: other keys everywhere, the same records, and no trace of the keys that were."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.disk import Disk, mounted
from support.stores import Host, contents

from keyart.errors import SettingError, StoreDamaged, StoreError, StoreFull, WrongKey
from keyart.store import envelope, rotation, shredding, vault
from keyart.store.database import RotateReceipt, Store, Table
from keyart.store.keys import EphemeralKey, HostKey, PassphraseKey

NOW = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
SEALED = "SELECT r FROM e UNION ALL SELECT k FROM b UNION ALL SELECT k FROM a UNION ALL SELECT m FROM d"


def fill(store, count=300):
    for i in range(count):
        store.put(Table.VIEW, b"%d" % i, b"view %d" % i, group=f"t{i % 3}")
    store.put(Table.HEAD, b"head", bytes(5_000))
    store.delete(Table.VIEW, b"7")


def sealed_in(store) -> list[bytes]:
    return [row[0] for row in store._file.connection.execute(SEALED).fetchall()]


def copy_of(folder):
    """The files as a thief would find them now."""
    return Path(shutil.copytree(folder, folder.with_name(folder.name + "-copy"), dirs_exist_ok=True))


def pieces_of(sealed: bytes) -> list[bytes]:
    return [sealed[at : at + 16] for at in range(5, len(sealed) - 15, 16)]


def test_everything_is_there_under_other_keys(path, tmp_path, host):
    store = Store.open(path, host.keys, clock=lambda: NOW)
    fill(store)
    before, sealed, secrets = contents(store), sealed_in(store), dict(host.secrets)
    hashes = {row[0] for row in store._file.connection.execute("SELECT h FROM e")}
    assert store.rotate() == RotateReceipt(NOW, 300, True)
    assert not set(host.secrets.values()) & set(secrets.values()) and len(host.secrets) == 1
    assert contents(store) == before
    files = [file.read_bytes() for file in copy_of(tmp_path).iterdir()]
    for record in sealed:  # nothing that was sealed with an old key is in a file, while the store is open
        assert not any(piece in file for piece in pieces_of(record) for file in files)
    assert not hashes & {row[0] for row in store._file.connection.execute("SELECT h FROM e")}
    store.put(Table.VIEW, b"later", b"x", group="t1")
    store.close()
    with Store.open(path, host.keys) as store:
        assert list(store.scan(Table.VIEW)) == [*before[Table.VIEW], (b"later", b"x")]
        assert store.get(Table.VIEW, b"8") == b"view 8" and store.get(Table.VIEW, b"7") is None
        store.put(Table.VIEW, b"8", b"newer", group="t1")
        assert store.delete_group(Table.VIEW, "t1") == 101  # the labels of groups are still those
        assert store.rotate().records == 200


def test_no_key_is_in_the_files(path, tmp_path, host, monkeypatch):
    """Root, wrapping, file, profile and data keys, all that were ever made, in the clear: not on disk."""
    made: set[bytes] = set()
    derive = envelope.derive

    def spied(key, purpose, length=32):
        made.update((key, derive(key, purpose, length)) if length == 32 else (key,))
        return derive(key, purpose, length)

    monkeypatch.setattr(envelope, "derive", spied)
    monkeypatch.setattr(vault, "derive", spied)
    with Store.open(path, host.keys) as store:
        fill(store, 50)
        assert len(made) == 8  # root, wrapping, file, names; of the profile: its own, records, ledger, index
        store.rotate()
        assert len(made) == 8 + 6  # all but those of the file and of the names
        made.add(store._profile.label_key)
        for file in copy_of(tmp_path).iterdir():
            assert not any(key in file.read_bytes() for key in made)
        store.forget()
    assert not any(key in file.read_bytes() for file in tmp_path.iterdir() for key in made)


def test_an_old_copy_cannot_be_opened(path, tmp_path, host):
    with Store.open(path, host.keys) as store:
        fill(store, 20)
        copy = copy_of(tmp_path) / path.name
        Store.open(copy, host.keys).close()  # before, it could
        store.rotate()
        with pytest.raises(WrongKey):
            Store.open(copy, host.keys)
    with pytest.raises(WrongKey):
        Store.open(copy, host.keys)


def test_the_old_root_key_goes_when_the_new_file_is_on_the_disk(path, host):
    """A power cut right then must not leave the old file without its key."""
    seen = []
    with mounted(Disk()) as disk:
        keys = HostKey(host.get, host.put, lambda name: (seen.append(set(disk.unsynced)), host.delete(name)))
        with Store.open(path, keys) as store:
            fill(store, 20)
            disk.unsynced.clear()
            store.rotate()
            store.put(Table.VIEW, b"1", b"x")
            assert disk.unsynced == {path.name + "-wal"}
            store.forget()
    assert seen == [set(), set()]


def test_an_old_profile_key_opens_nothing_new(path, host):
    with Store.open(path, host.keys) as store:
        store.put(Table.VIEW, b"1", b"x")
        old = store._profile
        store.rotate()
        (sealed,) = store._file.connection.execute("SELECT r FROM e").fetchone()
        with pytest.raises(StoreDamaged, match="another key"):
            old.records.unseal(sealed, b"")


@pytest.mark.slow
def test_from_one_kind_of_keys_to_another(path, host):
    other = Host()
    ways = [
        PassphraseKey("the first"),
        host.keys,
        PassphraseKey("the second"),
        PassphraseKey("the third"),
        other.keys,
        host.keys,
    ]
    with Store.open(path, ways[0]) as store:
        fill(store, 10)
        expected = contents(store)
    for old, new in itertools.pairwise(ways):
        with Store.open(path, old) as store:
            assert store.rotate(new).verified
            assert contents(store) == expected
            assert store.rotate().verified  # from then on with the new ones
        with pytest.raises(WrongKey):
            Store.open(path, old)
        with Store.open(path, new) as store:
            assert contents(store) == expected
    assert len(host.secrets) == 1 and other.secrets == {}


def test_other_profiles_keep_their_records(path, host):
    for name in ("ana", "ben", "cleo"):
        with Store.open(path, host.keys, name) as store:
            store.put(Table.VIEW, b"1", name.encode(), group="t")
    with closing(sqlite3.connect(path)) as connection:
        before = dict(connection.execute("SELECT p, r FROM e"))
    with Store.open(path, host.keys, "ben") as store:
        receipt = store.rotate()
        assert receipt.records == 1 and receipt.verified
    with closing(sqlite3.connect(path)) as connection:
        after = dict(connection.execute("SELECT p, r FROM e"))
    assert [number for number in before if before[number] != after[number]] == [2]
    for name in ("ana", "ben", "cleo"):
        with Store.open(path, host.keys, name) as store:
            assert contents(store)[Table.VIEW] == [(b"1", name.encode())]
    assert len(host.secrets) == 1


def test_in_memory(host):
    with Store.open("memory", EphemeralKey()) as store:
        fill(store, 20)
        before, key = contents(store), store._profile.index_key
        assert store.rotate().verified and store.rotate(EphemeralKey()).records == 20
        assert contents(store) == before and store._profile.index_key != key
        with pytest.raises(SettingError, match="in memory"):
            store.rotate(host.keys)
        assert contents(store) == before and host.secrets == {}


def test_a_file_does_not_move_into_memory(path, host):
    with Store.open(path, host.keys) as store, pytest.raises(SettingError, match="in memory"):
        store.rotate(EphemeralKey())


def test_the_lock_is_held_all_the_while(path, host, program):
    """The search reads the files that are locked: closing them would have let others in."""
    attempt = """
        try:
            Store.open(path, keys)
        except StoreBusy:
            print("busy")
    """  # a lock that was lost would be WrongKey
    with Store.open(path, host.keys) as store:
        store.put(Table.VIEW, b"1", b"x")
        for _ in range(2):
            assert store.rotate().verified
            assert program.run(attempt, path) == "busy\n"
        store.put(Table.VIEW, b"2", b"x")


def test_the_receipt_can_say_no(path, host, monkeypatch):
    with Store.open(path, host.keys) as store:
        fill(store, 20)
        monkeypatch.setattr(shredding, "finish", lambda *_: None)
        assert not store.rotate().verified  # the WAL holds the pages as they were


def test_a_host_that_makes_no_key_changes_nothing(path, host):
    with Store.open(path, host.keys) as store:
        fill(store, 20)
        before = contents(store)
        host.failing = {"put"}
        with pytest.raises(StoreError, match="failed at put"):
            store.rotate()
        host.failing = set()
        assert contents(store) == before
        assert store.rotate().verified
    with Store.open(path, host.keys) as store:
        assert contents(store) == before
    assert len(host.secrets) == 1


@pytest.mark.parametrize("then", ["rotate", "forget", "open"])
@pytest.mark.parametrize("other_kind", [False, True])
def test_an_old_root_key_that_would_not_go_goes_later(path, host, then, other_kind):
    following = Host() if other_kind else host
    store = Store.open(path, host.keys)
    fill(store, 20)
    before = contents(store)
    host.failing = {"delete"}
    with pytest.raises(StoreError, match="failed at delete"):
        store.rotate(following.keys)
    host.failing = set()
    assert contents(store) == before and len(host.secrets | following.secrets) == 2
    if then == "rotate":
        assert store.rotate().verified and len(host.secrets | following.secrets) == 1
    if then == "forget":
        assert store.forget().verified and host.secrets == following.secrets == {}
    store.close()
    if then != "forget":
        with Store.open(path, following.keys) as store:
            assert contents(store) == before
    if then == "open":  # the new keys alone know nothing of the other key store
        assert len(host.secrets) == 1


def test_wrong_keys_do_not_finish_it(path, tmp_path, host, digest_of):
    with Store.open(path, host.keys) as store:
        fill(store, 20)
        host.failing = {"delete"}
        with pytest.raises(StoreError):
            store.rotate()
        host.failing = set()
    before, secrets = digest_of(tmp_path), dict(host.secrets)
    for keys in (Host().keys, PassphraseKey("a passphrase")):
        with pytest.raises(WrongKey):
            Store.open(path, keys)
    assert digest_of(tmp_path) == before and host.secrets == secrets
    Store.open(path, host.keys).close()
    assert len(host.secrets) == 1 and len(secrets) == 2


def test_records_that_are_damaged_are_not_sealed_anew(path, host):
    with Store.open(path, host.keys) as store:
        fill(store, 20)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM e WHERE n = 3")
    with Store.open(path, host.keys) as store, pytest.raises(StoreDamaged, match="missing"):
        store.rotate()


def test_the_search_reads_the_disk_each_time(path, host):
    """What an earlier search read is not taken for what is there now."""
    with Store.open(path, host.keys) as store:
        assert store.rotate().verified
        (sealed,) = store._file.connection.execute("SELECT k FROM b").fetchone()
        assert store._file.search.found([sealed])
        store.rotate()
        assert not store._file.search.found([sealed])


@pytest.mark.slow
def test_a_failure_at_each_step_leaves_a_store_that_works(path, tmp_path, host):
    """Every write, sync, truncation and deletion in turn; and the store that failed goes on."""
    with Store.open(path, host.keys) as store:
        fill(store, 20)
        expected = contents(store)
    step = errors = 0
    while True:
        folder = tmp_path / str(step)
        folder.mkdir()
        shutil.copy(path, folder)
        mine = Host(dict(host.secrets))
        with mounted(Disk()) as disk, Store.open(folder / path.name, mine.keys) as store:
            disk.failing = disk.steps + step
            try:
                assert store.rotate().verified
            except StoreFull:
                errors += 1
            disk.failing = None
            assert contents(store) == expected, step
            store.put(Table.SETTING, b"usable", b"x")
        with Store.open(folder / path.name, mine.keys) as store:
            assert store.get(Table.SETTING, b"usable") == b"x"
            store.delete(Table.SETTING, b"usable")
            assert contents(store) == expected, step
        assert len(mine.secrets) == 1, step
        if not disk.failed:
            break
        shutil.rmtree(folder)
        step += 1
    assert step > 20 and errors > 10, (step, errors)


def test_batches(monkeypatch):
    monkeypatch.setattr(rotation, "_RESEALED_AT_A_TIME", 3)
    for count in (1, 2, 3, 4, 9, 10):
        with Store.open("memory", EphemeralKey()) as store:
            for i in range(count):
                store.put(Table.VIEW, b"%d" % i, b"x")
            before = contents(store)
            assert store.rotate().records == count and contents(store) == before


def test_a_host_key_that_is_the_same_for_every_name(path, shared_keys):
    with Store.open(path, shared_keys) as store:
        store.put(Table.VIEW, b"1", b"x")
        with pytest.raises(StoreError, match="still holds"):
            store.rotate()
        assert store.get(Table.VIEW, b"1") == b"x"
