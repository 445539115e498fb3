"""A fork: the child has no store, and nothing that it does or leaves undone touches the parent's."""

from __future__ import annotations

import os
import threading

import pytest
from support.stores import contents, run_fork, start_fork

from keyart.errors import StoreBusy, StoreClosed, StoreError
from keyart.store.database import Store, Table

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest.fixture
def store(path, host):
    with Store.open(path, host.keys) as opened:
        for i in range(200):
            opened.put(Table.VIEW, b"%d" % i, b"x", group="t")
        yield opened


class Untouchable:
    """In the place of the child's connection: it is the parent's, for reading too."""

    def __getattr__(self, name):
        raise AssertionError(f"the child used {name} of its parent's connection")


def refused(call):
    with pytest.raises(StoreError, match="another process, before a fork") as caught:
        call()
    assert not isinstance(caught.value, StoreClosed)


def test_every_call_in_the_child_says_so(store):
    rows = store.scan(Table.VIEW)  # the first batch of them is already opened
    next(rows)

    def child():
        store._file.connection = store._file.transactions._connection = Untouchable()
        for call in (
            lambda: store.put(Table.VIEW, b"1", b"y"),
            lambda: store.get(Table.VIEW, b"1"),
            lambda: store.delete(Table.VIEW, b"1"),
            lambda: store.delete_group(Table.VIEW, "t"),
            lambda: store.scan(Table.VIEW),
            lambda: list(rows),
            lambda: store.count(Table.VIEW),
            lambda: store.digest(Table.VIEW),
            lambda: store.transaction().__enter__(),
            store.flush,
            store.rotate,
            store.forget,
            lambda: store.size_bytes,
        ):
            refused(call)
        store.close()
        store.close()
        refused(lambda: store.count(Table.VIEW))

    assert run_fork(child) == 0
    assert len(list(rows)) == 199 and store.count(Table.VIEW) == 200


@pytest.mark.parametrize("how", ["by its end", "by an error"])
def test_a_block_that_was_open(store, how):
    """The child leaves it: nothing is committed or rolled back there, and the parent's block goes on."""

    def leave_in_child(transaction):
        store._file.connection = store._file.transactions._connection = Untouchable()
        error = ZeroDivisionError() if how == "by an error" else None
        try:
            transaction.__exit__(type(error) if error else None, error, None)
        except (StoreError, ZeroDivisionError) as raised:
            assert isinstance(raised, StoreError) or raised is error
        else:
            assert how == "by an error"

    transaction = store.transaction()
    transaction.__enter__()
    store.put(Table.VIEW, b"parent's", b"x")
    assert run_fork(lambda: leave_in_child(transaction)) == 0
    transaction.__exit__(None, None, None)
    assert store.get(Table.VIEW, b"parent's") == b"x"


# The child ends as programs do: its copies of the parent's objects are collected.
PARENT = """
import gc, subprocess
OTHER = '''
import sys
from keyart.errors import StoreBusy
from keyart.store.database import Store
from keyart.store.keys import PassphraseKey
try:
    Store.open(sys.argv[1], PassphraseKey("a passphrase"))
except StoreBusy:
    print("busy")
'''
def attempt():
    return subprocess.run([sys.executable, "-c", OTHER, path], capture_output=True, text=True).stdout.strip()
store = Store.open(path, keys)
store.put(Table.VIEW, b"1", b"x")
if "flushed" in sys.argv:
    store.flush()  # an empty WAL is what a close deletes at once
wal = path.with_name(path.name + "-wal")
pid = os.fork()
if pid == 0:
    if "closing" in sys.argv:
        store.close()
    if "using" in sys.argv:
        try:
            store.put(Table.VIEW, b"2", b"x")
        except StoreError:
            pass
    del store
    gc.collect()
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert wal.exists(), "the child deleted the WAL"
assert attempt() == "busy", "the parent's lock is gone"
store.put(Table.VIEW, b"3", b"x")
assert attempt() == "busy"
print("done", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("flushed", ["flushed", "not"])
@pytest.mark.parametrize("how", ["closing", "using", "ending"])
def test_the_parents_lock_and_wal_outlive_the_child(path, shared_keys, program, how, flushed):
    assert program.run(PARENT, path, how, flushed) == "done\n"
    with Store.open(path, shared_keys) as store:
        assert contents(store)[Table.VIEW] == [(b"1", b"x"), (b"3", b"x")]


def test_a_child_opens_its_own(tmp_path, host, store):
    """Other files, and this one where it was closed before the fork."""

    def child():
        with Store.open(tmp_path / "other.db", host.keys) as mine:
            mine.put(Table.VIEW, b"1", b"x")
        with pytest.raises(StoreBusy):
            Store.open(store.path, host.keys)

    assert run_fork(child) == 0
    store.close()

    def later():
        with Store.open(store.path, host.keys) as mine:
            assert mine.count(Table.VIEW) == 200
            mine.put(Table.VIEW, b"child's", b"x")

    assert run_fork(later) == 0
    with Store.open(store.path, host.keys) as again:
        assert again.get(Table.VIEW, b"child's") == b"x"


def test_a_lock_that_another_thread_held(store):
    """The child does not wait for a thread that it does not have."""
    held, done = threading.Event(), threading.Event()

    def hold():
        with store.transaction():
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    pid = start_fork(lambda: refused(lambda: store.count(Table.VIEW)))
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.count(Table.VIEW) == 200
