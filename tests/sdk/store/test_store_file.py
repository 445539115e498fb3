"""Several profiles of one file open at once: one connection, one lock, and nothing of one in the other."""

from __future__ import annotations

import gc
import os
import signal
import threading

import pytest
from support.stores import FolderHost, Host, contents, run_fork, start_fork

from keyart.errors import StoreClosed, StoreError, WrongKey
from keyart.store.database import Store, Table
from keyart.store.keys import COUNTER_BYTES, COUNTER_MAGIC, EphemeralKey, PassphraseKey
from keyart.store.schema import store_files

NAMES = ("ana", "ben")


@pytest.fixture
def household(path, host):
    """Stores of ana and ben, both open, each with a record of its own under the same id."""
    stores = [Store.open(path, host.keys, name) for name in NAMES]
    for name, store in zip(NAMES, stores, strict=True):
        store.put(Table.VIEW, b"1", name.encode(), group="t")
    yield stores
    for store in stores:
        store.close()


def reopened(path, keys):
    """What each profile holds, read anew, one after the other."""
    held = {}
    for name in NAMES:
        with Store.open(path, keys, name) as store:
            held[name] = [payload for _, payload in store.scan(Table.VIEW)]
    return held


def test_each_writes_its_own_and_all_of_it_is_there_later(path, host, household):
    ana, ben = household
    for i in range(2, 20):
        (ana if i % 2 else ben).put(Table.VIEW, b"%d" % i, b"%d" % i, group="t")
    assert ana.get(Table.VIEW, b"1") == b"ana" and ben.get(Table.VIEW, b"1") == b"ben"
    assert ana.delete_group(Table.VIEW, "t") == 10
    ben.close()
    ana.put(Table.VIEW, b"last", b"last")  # the file stays open for the other
    ana.close()
    expected = [b"ben", *(b"%d" % i for i in range(2, 20, 2))]
    assert reopened(path, host.keys) == {"ana": [b"last"], "ben": expected}
    assert {file.name for file in path.parent.iterdir()} == {path.name}


def test_another_process_is_refused_until_the_last_is_closed(path, shared_keys, program):
    attempt = """
        try:
            Store.open(path, keys, sys.argv[2]).close()
            print("opened")
        except StoreBusy as error:
            print("busy")
    """
    ana, ben = (Store.open(path, shared_keys, name) for name in NAMES)
    assert program.run(attempt, path, "carla").strip() == "busy"
    ana.close()
    assert program.run(attempt, path, "ana").strip() == "busy"
    ben.close()
    assert program.run(attempt, path, "ana").strip() == "opened"


def test_wrong_keys_open_no_second_profile_and_disturb_nobody(path, host, household):
    secrets = dict(host.secrets)
    with pytest.raises(WrongKey):
        Store.open(path, PassphraseKey("another passphrase"), "carla")
    household[0].put(Table.VIEW, b"2", b"x")
    assert host.secrets == secrets
    household[0].close()
    household[1].close()
    assert reopened(path, host.keys)["ana"] == [b"ana", b"x"]


def test_an_error_in_a_transaction_of_one_leaves_the_other(household):
    ana, ben = household
    before = contents(ben), ben.digest(Table.VIEW)
    with pytest.raises(ZeroDivisionError), ana.transaction():
        ana.put(Table.VIEW, b"2", b"x")
        _ = 1 / 0
    assert (contents(ben), ben.digest(Table.VIEW)) == before and ana.count(Table.VIEW) == 1
    ben.put(Table.VIEW, b"2", b"after")
    assert ben.count(Table.VIEW) == 2


def test_a_transaction_that_spans_two_profiles_is_one(path, host, household):
    ana, ben = household
    with pytest.raises(ZeroDivisionError), ana.transaction():
        ben.put(Table.VIEW, b"2", b"x")
        _ = 1 / 0
    assert ben.count(Table.VIEW) == 1 and ben.get(Table.VIEW, b"2") is None
    with ana.transaction():
        ana.put(Table.VIEW, b"2", b"both")
        ben.put(Table.VIEW, b"2", b"both")
        with pytest.raises(StoreError, match="inside a transaction"):
            Store.open(path, host.keys, "carla")
        with pytest.raises(StoreError, match="inside a transaction"):
            ben.forget()
    for store in household:
        store.close()
    assert reopened(path, host.keys) == {"ana": [b"ana", b"both"], "ben": [b"ben", b"both"]}  # its ledger, too


def test_forgetting_one_leaves_the_other_open_and_whole(path, host, household):
    ana, ben = household
    (sealed,) = ana._file.connection.execute("SELECT k FROM b WHERE i = 1").fetchone()
    secrets = set(host.secrets)
    receipt = ana.forget()
    assert receipt.records == 1 and receipt.verified
    assert not secrets & set(host.secrets)  # the root key that opened ana's keys is gone
    with pytest.raises(StoreClosed):
        ana.count(Table.VIEW)
    assert ben.get(Table.VIEW, b"1") == b"ben"
    ben.put(Table.VIEW, b"2", b"x")
    assert not any(sealed[20:36] in file.read_bytes() for file in store_files(path)[1:] if file.exists())
    with Store.open(path, host.keys, "ana") as again:  # as a new profile, beside ben
        assert again.count(Table.VIEW) == 0
    assert ben.forget().verified
    assert reopened(path, host.keys) == {"ana": [], "ben": []}


def test_a_rotation_by_one_gives_the_other_the_new_keys(path):
    old, new = PassphraseKey("the old passphrase"), PassphraseKey("the new passphrase")
    ana, ben = (Store.open(path, old, name) for name in NAMES)
    ben.put(Table.VIEW, b"1", b"ben")
    assert ana.rotate(new).verified and ben.keys is new
    ben.put(Table.VIEW, b"2", b"x")
    with pytest.raises(WrongKey):
        Store.open(path, old, "carla")
    assert ben.rotate().verified  # needs the keys that ana has brought
    ana.close()
    ben.close()
    assert reopened(path, new) == {"ana": [], "ben": [b"ben", b"x"]}


def test_a_rotation_brings_the_counters_of_all_profiles_along(path, host, household):
    """Each counter shows a rolled-back file of its profile: none may stay behind in the old key store."""
    ana, ben = household
    for store, sign in zip(household, (b"a", b"b"), strict=True):
        store.write_counter(COUNTER_MAGIC + sign * (COUNTER_BYTES - len(COUNTER_MAGIC)))
    held = [store.read_counter() for store in household]
    other = Host()
    ana.rotate(other.keys)
    assert [ana.read_counter(), ben.read_counter()] == held and None not in held
    assert not host.secrets and len(other.secrets) == 3


def test_a_file_that_was_replaced_takes_no_further_profile(path, host, household):
    path.rename(path.with_name("moved.db"))
    with pytest.raises(StoreError, match="moved or deleted"):
        Store.open(path, host.keys, "carla")
    path.with_name("moved.db").rename(path)
    Store.open(path, host.keys, "carla").close()


def test_threads_of_several_profiles(path, host):
    stores = [Store.open(path, host.keys, f"p{i}") for i in range(4)]
    failed = []

    def work(store, number):
        try:
            for i in range(30):
                with store.transaction():
                    store.put(Table.VIEW, b"%d" % i, b"%d" % number)
                    store.put(Table.HEAD, b"h", b"%d" % i)
                if i == 15 and number == 0:
                    store.rotate()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(store, i)) for i, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for store in stores:
        store.close()
    for i in range(4):
        with Store.open(path, host.keys, f"p{i}") as store:
            assert [payload for _, payload in store.scan(Table.VIEW)] == [b"%d" % i] * 30


def test_threads_that_open_and_close(path, host):
    failed = []

    def work(name):
        try:
            for _ in range(15):
                with Store.open(path, host.keys, name) as store:
                    store.put(Table.VIEW, b"%d" % store.count(Table.VIEW), b"x")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in NAMES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert {name: len(rows) for name, rows in reopened(path, host.keys).items()} == {"ana": 15, "ben": 15}


def test_a_store_that_was_dropped_holds_neither_its_name_nor_the_file(path, host, household):
    household[1].close()
    del household[1]
    dropped = Store.open(path, host.keys, "carla")
    del dropped
    gc.collect()
    Store.open(path, host.keys, "carla").close()
    household.pop().put(Table.VIEW, b"2", b"x")  # which drops the last one
    gc.collect()
    assert reopened(path, host.keys)["ana"] == [b"ana", b"x"]


def test_stores_in_memory_are_shared_by_nobody():
    keys = EphemeralKey()
    with Store.open("memory", keys, "ana") as one, Store.open("memory", keys, "ana") as other:
        one.put(Table.VIEW, b"1", b"x")
        assert other.count(Table.VIEW) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_has_none_of_them(household):
    def child():
        for store in household:
            with pytest.raises(StoreError, match="before a fork"):
                store.count(Table.VIEW)
            store.close()

    assert run_fork(child) == 0
    assert [store.get(Table.VIEW, b"1") for store in household] == [b"ana", b"ben"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
@pytest.mark.parametrize("kill", range(4))
def test_a_kill_takes_nothing_that_either_has_acknowledged(path, tmp_path, kill):
    (tmp_path / "secrets").mkdir()
    keys = FolderHost(tmp_path / "secrets").keys
    out, into = os.pipe()

    def write():
        stores = [Store.open(path, keys, name) for name in NAMES]
        for i in range(10_000):
            stores[i % 2].put(Table.VIEW, b"%d" % i, b"%d" % i)
            os.write(into, b"%d\n" % i)
            if i % 9 == 8:
                stores[kill % 2].rotate()

    pid = start_fork(write)
    os.close(into)
    with os.fdopen(out) as pipe:
        for _ in range(5 + 3 * kill):
            pipe.readline()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        last = [int(line) for line in pipe.read().split()]
    acknowledged = last[-1] if last else 4 + 3 * kill
    held = reopened(path, keys)
    numbers = sorted(int(payload) for rows in held.values() for payload in rows)
    assert numbers[: acknowledged + 1] == list(range(acknowledged + 1)) and len(numbers) <= acknowledged + 2
    assert all(int(payload) % 2 == place for place, name in enumerate(NAMES) for payload in held[name])
