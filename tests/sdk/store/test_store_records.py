"""Records: what goes in comes out, in order, by id and by group, all of a transaction or none of it."""

from __future__ import annotations

import os
import threading

import pytest

from keyart.errors import SettingError, StoreClosed, StoreError
from keyart.store.database import Store, Table
from keyart.store.keys import EphemeralKey


@pytest.fixture
def store():
    with Store.open("unused", EphemeralKey()) as opened:
        yield opened


def test_put_get_replace_delete(store):
    store.put(Table.VIEW, b"1", b"first")
    store.put(Table.VIEW, b"1", b"second")
    assert store.get(Table.VIEW, b"1") == b"second"
    assert store.get(Table.DECISION, b"1") is None
    assert store.delete(Table.VIEW, b"1") and not store.delete(Table.VIEW, b"1")
    assert store.get(Table.VIEW, b"1") is None
    assert store.count(Table.VIEW) == 0


@pytest.mark.parametrize("length", [0, 1, 121, 122, 123, 127, 128, 129, 5_000, 200_000])
def test_any_length_and_any_bytes(path, host, length):
    payload, record_id = os.urandom(length), os.urandom(length % 60_000)
    with Store.open(path, host.keys) as store:
        store.put(Table.HEAD, record_id, payload)
    with Store.open(path, host.keys) as store:
        assert store.get(Table.HEAD, record_id) == payload
        assert list(store.scan(Table.HEAD)) == [(record_id, payload)]


def test_scan_keeps_the_order_of_first_insertion(store):
    ids = [b"%d" % ((i * 7919) % 1000) for i in range(1000)]
    with store.transaction():
        for record_id in ids:
            store.put(Table.VIEW, record_id, b"old" + record_id)
    store.put(Table.VIEW, ids[0], b"new")  # a replaced record keeps its place
    store.delete(Table.VIEW, ids[1])
    store.put(Table.VIEW, ids[1], b"again")  # one that was deleted comes last
    rows = list(store.scan(Table.VIEW))
    assert [record_id for record_id, _ in rows] == [ids[0], *ids[2:], ids[1]]
    assert rows[0][1] == b"new" and rows[-1][1] == b"again"
    assert store.count(Table.VIEW) == 1000


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 300])
def test_scan_from_the_newest_backwards(store, count):
    for i in range(count):
        store.put(Table.VIEW, b"%d" % i, b"x")
    expected = [(b"%d" % i, b"x") for i in range(count)]
    assert list(store.scan(Table.VIEW, newest_first=True)) == expected[::-1]
    assert list(store.scan(Table.VIEW)) == expected


def test_a_scan_backwards_sees_what_changes_further_on(store):
    for i in range(300):
        store.put(Table.VIEW, b"%d" % i, b"old")
    rows = store.scan(Table.VIEW, newest_first=True)
    assert next(rows) == (b"299", b"old")
    store.put(Table.VIEW, b"newer", b"x")
    store.put(Table.VIEW, b"5", b"new")
    store.delete(Table.VIEW, b"4")
    rest = list(rows)
    assert [name for name, _ in rest] == [b"%d" % i for i in range(298, -1, -1) if i != 4]
    assert (b"5", b"new") in rest


def test_the_digest_tells_every_change(store):
    seen = [store.digest(Table.VIEW)]
    changes = [
        lambda: store.put(Table.VIEW, b"1", b"x"),
        lambda: store.put(Table.VIEW, b"1", b"x"),  # sealed anew, so it counts as one
        lambda: store.put(Table.VIEW, b"2", b"x"),
        lambda: store.delete(Table.VIEW, b"1"),
        lambda: store.delete(Table.VIEW, b"2"),  # empty again, but not as at first
    ]
    for change in changes:
        change()
        seen.append(store.digest(Table.VIEW))
    assert len(set(seen)) == len(seen)
    store.put(Table.HEAD, b"1", b"x")
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.put(Table.VIEW, b"3", b"x")
        assert store.digest(Table.VIEW) not in seen
        _ = 1 / 0
    assert store.digest(Table.VIEW) == seen[-1]


def test_the_digest_survives_the_next_open(path, host):
    with Store.open(path, host.keys) as store:
        store.put(Table.VIEW, b"1", b"x")
        before = store.digest(Table.VIEW)
    with Store.open(path, host.keys) as store:
        assert store.digest(Table.VIEW) == before


def test_the_order_survives_deleting_the_last_and_reopening(path, host):
    for name in (b"a", b"b", b"c"):
        with Store.open(path, host.keys) as store:
            store.put(Table.VIEW, name, b"")
            if name == b"b":
                store.delete(Table.VIEW, b"b")
    with Store.open(path, host.keys) as store:
        assert [record_id for record_id, _ in store.scan(Table.VIEW)] == [b"a", b"c"]


def test_groups(store):
    for i in range(10):
        store.put(Table.VIEW, b"%d" % i, b"x", group=f"t{i % 2}")
    store.put(Table.DECISION, b"0", b"x", group="t0")
    store.put(Table.VIEW, b"9", b"moved", group="t0")
    assert store.delete_group(Table.VIEW, "t0") == 6
    assert store.delete_group(Table.VIEW, "t0") == 0
    assert [record_id for record_id, _ in store.scan(Table.VIEW)] == [b"1", b"3", b"5", b"7"]
    assert store.count(Table.DECISION) == 1


@pytest.mark.parametrize("count", [1, 127, 128, 129, 300])
def test_a_group_larger_than_a_batch(store, count):
    for i in range(count):
        store.put(Table.VIEW, b"%d" % i, b"x", group="t")
    assert store.delete_group(Table.VIEW, "t") == count and store.count(Table.VIEW) == 0


def test_changes_while_scanning_do_not_disturb_it(store):
    for i in range(300):
        store.put(Table.VIEW, b"%d" % i, b"")
    seen = []
    for record_id, _ in store.scan(Table.VIEW):
        seen.append(record_id)
        store.delete(Table.VIEW, record_id)
    assert len(seen) == 300 and store.count(Table.VIEW) == 0


def test_a_transaction_is_all_or_nothing(path, host):
    with Store.open(path, host.keys) as store:
        store.put(Table.VIEW, b"kept", b"1")
        with pytest.raises(ZeroDivisionError), store.transaction():
            store.put(Table.VIEW, b"kept", b"2")
            store.put(Table.VIEW, b"lost", b"2")
            with store.transaction():
                store.delete(Table.VIEW, b"kept")
            _ = 1 / 0
        assert list(store.scan(Table.VIEW)) == [(b"kept", b"1")]
        with store.transaction():
            store.put(Table.VIEW, b"next", b"3")
            with store.transaction():
                store.put(Table.HEAD, b"next", b"4")
    with Store.open(path, host.keys) as store:
        assert list(store.scan(Table.VIEW)) == [(b"kept", b"1"), (b"next", b"3")]
        assert store.get(Table.HEAD, b"next") == b"4"


def test_a_failed_inner_transaction_fails_the_outer_one(store):
    with pytest.raises(StoreError, match="rolled back"), store.transaction():
        store.put(Table.VIEW, b"1", b"")
        with pytest.raises(ZeroDivisionError), store.transaction():
            store.put(Table.VIEW, b"2", b"")
            _ = 1 / 0
    with pytest.raises(StoreError, match="rolled back"), store.transaction():
        with pytest.raises(ZeroDivisionError), store.transaction():
            _ = 1 / 0
        store.put(Table.VIEW, b"3", b"")
    assert list(store.scan(Table.VIEW)) == []


def test_a_wrong_call_leaves_the_transaction_alone(store):
    with store.transaction():
        store.put(Table.VIEW, b"1", b"")
        with pytest.raises(SettingError):
            store.put(Table.VIEW, b"2" * 70_000, b"")
        with pytest.raises(SettingError):
            store.put(Table.VIEW, b"2", bytes(2**24))
    assert store.count(Table.VIEW) == 1


def test_threads_share_a_store(path, host):
    with Store.open(path, host.keys) as store:

        def write(number: int) -> None:
            for i in range(50):
                with store.transaction():
                    store.put(Table.VIEW, b"%d/%d/a" % (number, i), b"x")
                    store.put(Table.VIEW, b"%d/%d/b" % (number, i), b"x")
                assert store.get(Table.VIEW, b"%d/%d/a" % (number, i)) == b"x"

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        order = [record_id for record_id, _ in store.scan(Table.VIEW)]
    assert len(order) == 400
    assert all(a[:-1] == b[:-1] for a, b in zip(order[::2], order[1::2], strict=True))  # pairs stay together


def test_profiles_of_one_file_do_not_see_each_other(path, host):
    for name in ("ana", "ben"):
        with Store.open(path, host.keys, name) as store:
            store.put(Table.VIEW, b"1", name.encode())
    for name in ("ana", "ben"):
        with Store.open(path, host.keys, name) as store:
            assert list(store.scan(Table.VIEW)) == [(b"1", name.encode())]
    assert len(host.secrets) == 1  # one root key a file


def test_use_after_close(path, host):
    store = Store.open(path, host.keys)
    store.put(Table.VIEW, b"1", b"")
    rows = store.scan(Table.VIEW)
    store.close()
    store.close()
    calls = [
        lambda: store.put(Table.VIEW, b"1", b""),
        lambda: store.get(Table.VIEW, b"1"),
        lambda: store.delete(Table.VIEW, b"1"),
        lambda: store.delete_group(Table.VIEW, "t"),
        lambda: store.scan(Table.VIEW),
        lambda: next(rows),
        lambda: store.count(Table.VIEW),
        lambda: store.digest(Table.VIEW),
        lambda: store.transaction().__enter__(),
        store.flush,
        store.forget,
        lambda: store.size_bytes,
    ]
    for call in calls:
        with pytest.raises(StoreClosed):
            call()


@pytest.mark.parametrize("verb", ["flush", "forget", "close"])
def test_what_cannot_be_done_inside_a_transaction(store, verb):
    with store.transaction():
        store.put(Table.VIEW, b"1", b"")
        with pytest.raises(StoreError, match="transaction"):
            getattr(store, verb)()
    assert store.count(Table.VIEW) == 1


def test_an_ephemeral_store_makes_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store.open(tmp_path / "none.db", EphemeralKey()) as store:
        store.put(Table.VIEW, b"1", b"x" * 100_000)
        store.flush()
        assert store.size_bytes > 100_000 and list(tmp_path.iterdir()) == []
    with Store.open(tmp_path / "none.db", EphemeralKey()) as store:
        assert store.count(Table.VIEW) == 0
        assert store.forget().verified
    assert list(tmp_path.iterdir()) == []


def test_path_and_size(path, host):
    with Store.open(str(path), host.keys) as store:
        before = store.size_bytes
        store.put(Table.VIEW, b"1", bytes(100_000))
        assert store.path == path and store.size_bytes > before + 100_000
        store.flush()
        assert path.stat().st_size > 100_000  # the WAL is folded into the database


def test_a_relative_path_means_the_folder_of_the_open(tmp_path, host, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = Store.open("profile.db", host.keys)
    store.put(Table.VIEW, b"1", b"x")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert store.size_bytes > 0
    assert store.forget().verified
    assert list((tmp_path / "elsewhere").iterdir()) == []
