"""A process is killed: what it was told is stored is there, nothing is there by halves, and old or new keys work."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from support.disk import Disk, mounted
from support.stores import FolderHost, contents, make_schema_1, run_fork, start_fork

from keyart.errors import StoreError, WrongKey
from keyart.store import shredding
from keyart.store.database import Store, Table

KILLS = [20, pytest.param(200, marks=pytest.mark.slow)]
KEPT = 20  # steps whose records the writer keeps
GROUP = 5  # records of one transaction

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")


def write(path, keys, first, pipe):
    """Steps without end; the number of each is written to the pipe once the store has it."""
    store = Store.open(path, keys)
    for step in itertools.count(first):
        with store.transaction():
            for part in range(GROUP):
                store.put(Table.VIEW, b"%d/%d" % (step, part), b"x" * 100, group=f"t{step % 3}")
            store.put(Table.HEAD, b"state", b"%d" % step)
            if step > KEPT:
                for part in range(GROUP):
                    store.delete(Table.VIEW, b"%d/%d" % (step - KEPT, part))
        os.write(pipe, b"%d\n" % step)  # acknowledged
        if step % 7 == 0:
            store.flush()
        if step % 11 == 0:  # opening and closing may be cut off, too
            store.close()
            store = Store.open(path, keys)
        if step % 31 == 0:
            store.rotate()


@pytest.mark.parametrize("kills", KILLS)
def test_kill_at_random_moments(path, tmp_path, kills):
    (tmp_path / "secrets").mkdir()
    keys = FolderHost(tmp_path / "secrets").keys
    draw = random.Random(time.time_ns())
    acknowledged = 0
    for kill in range(kills):
        out, into = os.pipe()
        pid = start_fork(lambda: write(path, keys, acknowledged + 1, into))  # noqa: B023
        os.close(into)
        with os.fdopen(out) as pipe:
            first = [pipe.readline()] if kill % 2 else []  # at work already, or perhaps not yet open
            time.sleep(draw.uniform(0, 0.04))
            os.kill(pid, signal.SIGKILL)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
            lines = first + pipe.read().split()
        last = int(lines[-1]) if lines else acknowledged
        with Store.open(path, keys) as store:
            state = int(store.get(Table.HEAD, b"state") or b"0")
            assert state in (last, last + 1)  # the answer itself may not have got out
            expected = [
                (b"%d/%d" % (step, part), b"x" * 100)
                for step in range(max(1, state - KEPT + 1), state + 1)
                for part in range(GROUP)
            ]
            assert list(store.scan(Table.VIEW)) == expected
            assert store.count(Table.VIEW) == len(expected)
        acknowledged = state
    assert acknowledged >= kills / 2


@pytest.fixture(params=[3, pytest.param(1, marks=pytest.mark.slow)], ids=["every third step", "each step"])
def stride(request) -> int:
    """Steps from one kill to the next."""
    return request.param


def killed_at_each_step(tmp_path: Path, prepare, act, check, torn: bool, stride: int) -> int:
    """Ends the process at its k-th write, sync, truncation, deletion or change of the key store, for every k.

    prepare(folder, keys) makes what `act(folder, keys, ready)` then works on, in a process that is killed; it calls
    ready() where the counting begins. stride: 2 takes every second k, and so on.
    check(folder, keys) opens what was left. Says how many steps there were.
    """
    (tmp_path / "base" / "secrets").mkdir(parents=True)
    prepare(tmp_path / "base", FolderHost(tmp_path / "base" / "secrets").keys)
    for step in itertools.count(0, stride):
        folder = shutil.copytree(tmp_path / "base", tmp_path / str(step))
        disk = Disk(die=True, torn=torn)

        def work(folder=folder, disk=disk, step=step):
            def ready():
                disk.failing = disk.steps + step

            def counted(call):
                return lambda *given, **named: (disk.step(), call(*given, **named))[1]

            for name in ("link", "unlink", "fsync", "chmod"):
                setattr(os, name, counted(getattr(os, name)))
            with mounted(disk):
                act(folder, FolderHost(folder / "secrets", before=disk.step).keys, ready)

        ended = run_fork(work)
        assert ended in (0, -signal.SIGKILL), step
        host = FolderHost(folder / "secrets")
        check(folder, host.keys, step)
        assert len(host.names) == 1, (step, host.names)
        shutil.rmtree(folder)
        if ended == 0:
            return step
    raise AssertionError


NAMES = ("ana", "ben")


def two_profiles(folder, keys):
    for name in NAMES:
        with Store.open(folder / "profile.db", keys, name) as store:
            for i in range(8):
                store.put(Table.VIEW, b"%d" % i, name.encode(), group="t")


def both_there(folder, keys, step):
    for name in NAMES:
        with Store.open(folder / "profile.db", keys, name) as store:
            assert list(store.scan(Table.VIEW)) == [(b"%d" % i, name.encode()) for i in range(8)], step
            store.put(Table.SETTING, b"usable", b"x")
    assert [file.name for file in folder.iterdir() if file.name != "secrets"] == ["profile.db"]


@pytest.mark.parametrize("torn", [False, True])
def test_kill_at_each_step_of_rotate(tmp_path, torn, stride):
    def rotate(folder, keys, ready):
        with Store.open(folder / "profile.db", keys, "ana") as store:
            ready()
            store.rotate()

    assert killed_at_each_step(tmp_path, two_profiles, rotate, both_there, torn, stride) > 40


def test_kill_at_each_step_of_rotate_to_another_key_store(tmp_path, stride):
    """The old keys work, or the new ones, and never both."""
    worked = []

    def rotate(folder, keys, ready):
        with Store.open(folder / "profile.db", keys, "ana") as store:
            ready()
            store.rotate(FolderHost(folder / "other").keys)

    def either(folder, keys, step):
        other = FolderHost(folder / "other").keys
        try:
            Store.open(folder / "profile.db", keys, "ana").close()
        except WrongKey:
            worked.append("new")
        else:
            worked.append("old")
            with pytest.raises(WrongKey):
                Store.open(folder / "profile.db", other, "ana")
            other = keys
        for name in NAMES:
            with Store.open(folder / "profile.db", other, name) as store:
                assert list(store.scan(Table.VIEW)) == [(b"%d" % i, name.encode()) for i in range(8)], step
        only_one(folder)

    def only_one(folder):
        """How many keys are left is asked in the other tests; here they are of two key stores."""
        for file in (folder / "secrets").iterdir():
            file.unlink()
        (folder / "secrets" / "one").touch()

    def prepare(folder, keys):
        (folder / "other").mkdir()
        two_profiles(folder, keys)

    assert killed_at_each_step(tmp_path, prepare, rotate, either, False, stride) > 40
    assert worked == sorted(worked, reverse=True) and set(worked) == {"old", "new"}


@pytest.mark.parametrize("torn", [False, True])
def test_kill_at_each_step_of_forget(tmp_path, torn, stride):
    left = []

    def forget(folder, keys, ready):
        store = Store.open(folder / "profile.db", keys, "ana")
        ready()
        store.forget()

    def ben_stays(folder, keys, step):
        with Store.open(folder / "profile.db", keys, "ben") as store:
            assert contents(store)[Table.VIEW] == [(b"%d" % i, b"ben") for i in range(8)], step
        with Store.open(folder / "profile.db", keys, "ana") as store:
            left.append(store.count(Table.VIEW))

    assert killed_at_each_step(tmp_path, two_profiles, forget, ben_stays, torn, stride) > 25
    assert left == sorted(left, reverse=True) and set(left) == {0, 8}


@pytest.mark.parametrize("torn", [False, True])
def test_kill_at_each_step_of_migrate(tmp_path, torn, stride):
    def older(folder, keys):
        rows = {name: [(Table.VIEW, b"%d" % i, name.encode(), "t") for i in range(8)] for name in NAMES}
        make_schema_1(folder / "profile.db", keys, rows)

    def migrate(folder, keys, ready):
        ready()
        Store.open(folder / "profile.db", keys, "ana").close()

    assert killed_at_each_step(tmp_path, older, migrate, both_there, torn, stride) > 30


@pytest.mark.parametrize("torn", [False, True])
def test_kill_at_each_step_of_making_and_closing(tmp_path, torn, stride):
    def make(folder, keys, ready):
        ready()
        with Store.open(folder / "profile.db", keys) as store:
            store.put(Table.VIEW, b"1", b"x")

    def usable(folder, keys, step):
        with Store.open(folder / "profile.db", keys) as store:
            assert list(store.scan(Table.VIEW)) in ([], [(b"1", b"x")]), step
            store.put(Table.VIEW, b"2", b"x")
        assert [file.name for file in folder.iterdir() if file.name != "secrets"] == ["profile.db"], step

    assert killed_at_each_step(tmp_path, lambda folder, keys: None, make, usable, torn, stride) > 30


def test_flush_leaves_nothing_that_is_not_synced(path, host):
    """A power cut takes what was not synced, and the WAL may not even have its name."""
    with mounted(Disk()) as disk, Store.open(path, host.keys) as store:
        store.put(Table.VIEW, b"1", b"one")
        assert path.name + "-wal" in disk.unsynced
        store.flush()
        assert not {path.name, path.name + "-wal"} & disk.unsynced
        assert run_fork(lambda: read_without_wal(path, host.keys)) == 0


def read_without_wal(path, keys):
    alone = Path(shutil.copy(path, path.with_name("alone.db")))
    with Store.open(alone, keys) as store:
        assert store.get(Table.VIEW, b"1") == b"one"


@pytest.mark.parametrize("moment", ["the rows are gone", "the root key is gone", "the root key would not go"])
def test_a_forget_that_was_cut_off_is_finished_at_the_next_open(path, host, monkeypatch, moment):
    with Store.open(path, host.keys, "ben") as store:
        store.put(Table.VIEW, b"1", b"ben's")
    store = Store.open(path, host.keys, "ana")
    store.put(Table.VIEW, b"1", b"ana's")
    (gone,) = store._file.connection.execute("SELECT k FROM b WHERE i = 2").fetchone()
    (old_name,) = host.secrets

    def killed(*_, **__):
        raise StoreError("killed")

    with monkeypatch.context() as patch:
        if moment == "the rows are gone":
            patch.setattr(shredding.schema, "vacuum", killed)
        elif moment == "the root key is gone":
            replace = shredding.replace
            patch.setattr(
                shredding, "replace", lambda *_, **new: killed() if "retired" in new else replace(*_, **new)
            )
        else:
            host.failing = {"delete"}
        with pytest.raises(StoreError, match=r"killed|failed at delete"):
            store.forget()
    host.failing = set()
    with Store.open(path, host.keys, "ben") as store:
        assert store.get(Table.VIEW, b"1") == b"ben's"
    assert old_name not in host.secrets and len(host.secrets) == 1
    search = shredding.Search([path])
    assert not search.found([gone])
    search.close()
    with Store.open(path, host.keys, "ana") as store:
        assert store.get(Table.VIEW, b"1") is None
