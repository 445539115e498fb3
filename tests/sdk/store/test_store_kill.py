"""A writer is killed at a random moment: what it was told is stored is there, and nothing by halves."""

from __future__ import annotations

import random
import time

import pytest

from keyart.errors import StoreError
from keyart.store import shredding
from keyart.store.database import Store, Table

KILLS = 20
GROUP = 5  # records of one transaction

WRITER = f"""
import itertools
first = int(sys.argv[2])
store = Store.open(path, keys)
for step in itertools.count(first):
    with store.transaction():
        for part in range({GROUP}):
            store.put(Table.VIEW, b"%d/%d" % (step, part), b"x" * 100, group="t%d" % (step % 3))
        store.put(Table.HEAD, b"state", b"%d" % step)
        if step > 20:
            for part in range({GROUP}):
                store.delete(Table.VIEW, b"%d/%d" % (step - 20, part))
    os.write(1, b"%d\\n" % step)  # acknowledged
    if step % 50 == 0:
        store.flush()
"""


def test_kill_at_random_moments(path, shared_keys, program):
    draw = random.Random(time.time_ns())
    following = 1
    for _ in range(KILLS):
        with program.start(WRITER, path, following) as process:
            assert process.stdout is not None and process.stderr is not None
            first = process.stdout.readline()  # it is at work
            time.sleep(draw.uniform(0, 0.06))
            process.kill()
            lines = [first, *process.stdout.read().splitlines()]
            assert first, process.stderr.read()
        acknowledged = int(lines[-1])
        with Store.open(path, shared_keys) as store:
            state = int(store.get(Table.HEAD, b"state") or b"0")
            assert state in (acknowledged, acknowledged + 1)  # the answer itself may not have got out
            expected = [
                b"%d/%d" % (step, part) for step in range(max(1, state - 19), state + 1) for part in range(GROUP)
            ]
            assert [name for name, _ in store.scan(Table.VIEW)] == expected
            assert store.count(Table.VIEW) == len(expected)
        following = state + 1


def test_kill_while_the_store_is_made(tmp_path, shared_keys, program):
    draw = random.Random(time.time_ns())
    text = """
        os.write(1, b"ready\\n")
        for i in range(10_000):
            Store.open(path / str(i), keys).close()
            os.write(1, b"%d\\n" % i)
    """
    with program.start(text, tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.uniform(0.05, 0.2))
        process.kill()
        made = process.stdout.read().splitlines()
    for name in (*made, str(len(made))):  # the last one was under way
        with Store.open(tmp_path / name, shared_keys) as store:
            store.put(Table.VIEW, b"1", b"x")
    assert {file.name for file in tmp_path.iterdir()} == {*made, str(len(made))}


def test_flush_leaves_nothing_in_the_wal_alone(path, tmp_path, shared_keys, program):
    program.run(
        """
        store = Store.open(path, keys)
        store.put(Table.VIEW, b"1", b"one")
        store.flush()
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        path,
    )
    path.with_name(path.name + "-wal").unlink()  # as if the power had gone before the WAL was synced
    with Store.open(path, shared_keys) as store:
        assert store.get(Table.VIEW, b"1") == b"one"


@pytest.mark.parametrize("moment", ["the rows are gone", "the root key is gone", "the root key would not go"])
def test_a_forget_that_was_cut_off_is_finished_at_the_next_open(path, host, monkeypatch, moment):
    with Store.open(path, host.keys, "ben") as store:
        store.put(Table.VIEW, b"1", b"ben's")
    store = Store.open(path, host.keys, "ana")
    store.put(Table.VIEW, b"1", b"ana's")
    gone = store._profile.sealed_key
    (old_name,) = host.secrets
    with monkeypatch.context() as patch:
        if moment == "the rows are gone":
            patch.setattr(shredding, "finish", lambda *_: (_ for _ in ()).throw(StoreError("killed")))
        elif moment == "the root key is gone":
            patch.setattr(shredding, "replace", lambda *_, **__: (_ for _ in ()).throw(StoreError("killed")))
        else:
            host.failing = {"delete"}
        with pytest.raises(StoreError, match=r"killed|failed at delete"):
            store.forget()
    host.failing = set()
    with Store.open(path, host.keys, "ben") as store:
        assert store.get(Table.VIEW, b"1") == b"ben's"
    assert old_name not in host.secrets and len(host.secrets) == 1
    assert not shredding.found_in_files(path, [gone])
    with Store.open(path, host.keys, "ana") as store:
        assert store.get(Table.VIEW, b"1") is None
