"""A full disk, a failing one, a read-only folder: StoreFull, and nothing that was stored before is lost."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from support.disk import FULL, Disk, mounted
from support.stores import FolderHost, Host, contents, run_fork

from keyart.errors import StoreFull
from keyart.store.database import Store, Table

resource = pytest.importorskip("resource")

PAGE_BYTES = 4096


def limit_files(size: int) -> None:
    """Files of this process grow to a limit and no further: Python ignores SIGXFSZ, so the write fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store of 30 records, and its keys."""
    host, path = Host(), tmp_path_factory.mktemp("filled") / "profile.db"
    with Store.open(path, host.keys) as store, store.transaction():
        for i in range(30):
            store.put(Table.VIEW, b"%d" % i, b"x" * 300, group=f"t{i % 3}")
    return path, host


@pytest.mark.slow
@pytest.mark.parametrize("close", [True, False], ids=["closed", "killed"])
def test_a_disk_that_fills_up_at_every_page(filled, tmp_path, close):
    """Room for the file and its WAL to each page up to where all fits."""
    path, host = filled
    total, ends = 40, set()
    for size in range(PAGE_BYTES, 64 * PAGE_BYTES, PAGE_BYTES):
        mine = shutil.copy(path, tmp_path / "profile.db")
        report = tmp_path / "report"

        def write(mine=mine, report=report, size=size):
            store, kept = Store.open(mine, host.keys), 0
            pipe = os.open(report, os.O_WRONLY | os.O_CREAT)
            limit_files(size)
            try:
                while kept < total:
                    with store.transaction():
                        for part in range(3):
                            store.put(Table.DECISION, b"%d/%d" % (kept, part), b"y" * 300)
                    kept += 1
                    os.pwrite(pipe, b"%d " % kept, 0)
            except StoreFull:
                limit_files(resource.RLIM_INFINITY)
                store.put(Table.SETTING, b"there is room again", b"x")  # the store that failed goes on
            if close:
                store.close()

        assert run_fork(write) == 0
        kept = int(report.read_bytes() or b"0")
        with Store.open(mine, host.keys) as store:
            assert store.count(Table.VIEW) == 30
            expected = [b"%d/%d" % (i, part) for i in range(kept) for part in range(3)]
            assert [name for name, _ in store.scan(Table.DECISION)] == expected, size
            assert store.count(Table.SETTING) == (kept < total), size
            store.put(Table.VIEW, b"usable", b"x")
        ends.add(kept)
        report.unlink(missing_ok=True)
    assert 0 in ends and total in ends and len(ends) > 10


def many(store):
    with store.transaction():
        for i in range(8):
            store.put(Table.VIEW, b"more/%d" % i, b"y" * 3_000)


CHANGES = {
    "put": lambda store: store.put(Table.VIEW, b"new", b"y" * 300, group="t1"),
    "replace": lambda store: store.put(Table.VIEW, b"3", b"y" * 3_000),
    "delete": lambda store: store.delete(Table.VIEW, b"3"),
    "delete_group": lambda store: store.delete_group(Table.VIEW, "t1"),
    "transaction": many,
    "flush": lambda store: store.flush(),
    "close": lambda store: store.close(),
}


@pytest.mark.parametrize("how", ["full", "error", "half", "from then on"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_write_that_fails_at_every_write_site(filled, tmp_path, change, how):
    """Each write, sync, truncation and deletion of one call: it says StoreFull and changed nothing, or it worked."""
    path, host = filled
    with Store.open(shutil.copy(path, tmp_path / "model.db"), host.keys) as store:
        before = contents(store)
        CHANGES[change](store)
        after = before if change in {"flush", "close"} else contents(store)
    for step in itertools.count():
        mine = shutil.copy(path, tmp_path / "profile.db")
        disk = Disk(torn=how == "half", lasting=how == "from then on", code=FULL if how == "full" else None)
        with mounted(disk):
            store = Store.open(mine, host.keys)
            store._file.connection.execute("PRAGMA wal_autocheckpoint = 8")  # folding the WAL is part of a long call
            store.put(Table.SETTING, b"first", b"x")
            store.put(Table.SETTING, b"first", b"stored before")
            disk.failing = disk.steps + step
            try:
                CHANGES[change](store)
                allowed = [after]
            except StoreFull as error:
                assert "still there" in str(error)
                allowed = [before]
            failed, disk.failing = disk.failed, None
            if change != "close":
                found = contents(store)
                assert found.pop(Table.SETTING) == [(b"first", b"stored before")]
                assert found | {Table.SETTING: []} in allowed, step
                store.put(Table.SETTING, b"usable", b"in the same session")
            store.close()
        with Store.open(mine, host.keys) as store:
            settings = store.count(Table.SETTING)
            assert settings == (1 if change == "close" else 2), step
            assert store.get(Table.SETTING, b"first") == b"stored before", step
            store.delete(Table.SETTING, b"first")
            store.delete(Table.SETTING, b"usable")
            assert contents(store) in allowed, step
        if not failed:
            break
    assert step >= (2 if change != "transaction" else 30)


@pytest.mark.parametrize("how", ["full", "from then on"])
def test_no_room_to_make_the_store(tmp_path, host, how):
    """At every write site: the next attempt makes it, and of the one that failed nothing is left."""
    path = tmp_path / "profile.db"
    for step in itertools.count():
        with mounted(Disk(failing=step, lasting=how == "from then on", code=FULL)) as disk:
            try:
                Store.open(path, host.keys).close()
            except StoreFull:
                assert {file.name for file in tmp_path.iterdir()} <= {path.name, path.name + "-wal"}, step
        with Store.open(path, host.keys) as store:
            store.put(Table.VIEW, b"1", b"x")
        assert [file.name for file in tmp_path.iterdir()] == [path.name] and len(host.secrets) == 1, step
        if not disk.failed:
            break
        path.unlink()
        host.secrets.clear()
    assert step > 20


def test_no_room_to_make_the_store_under_a_limit_of_the_system(tmp_path):
    """At each page, and a byte before and after the first."""
    path = tmp_path / "folder" / "profile.db"
    path.parent.mkdir()
    (tmp_path / "secrets").mkdir()
    host, made = FolderHost(tmp_path / "secrets"), []
    for size in (0, 1, 4095, 4096, 4097, *range(2 * PAGE_BYTES, 12 * PAGE_BYTES, PAGE_BYTES)):

        def make(size=size):
            limit_files(size)
            try:
                Store.open(path, host.keys)
            except StoreFull:
                return
            os._exit(7)

        made.append(run_fork(make))
        with Store.open(path, host.keys) as store:
            store.put(Table.VIEW, b"1", b"x")
        assert [file.name for file in path.parent.iterdir()] == [path.name]
        path.unlink()
    assert made == sorted(made) and set(made) == {0, 7}


def test_the_page_limit_inside_a_transaction(path, host):
    with Store.open(path, host.keys) as store:
        store.put(Table.VIEW, b"kept", b"x")
        store._file.connection.execute(f"PRAGMA max_page_count = {store.size_bytes // 4096}")
        with pytest.raises(StoreFull, match="still there"), store.transaction():
            for i in range(1000):
                try:
                    store.put(Table.VIEW, b"%d" % i, b"x" * 3000)
                except StoreFull:
                    break
            with pytest.raises(Exception, match="rolled back"):
                store.put(Table.VIEW, b"not on its own", b"x")
            raise StoreFull("What was stored is still there.")
        assert [name for name, _ in store.scan(Table.VIEW)] == [b"kept"]
        store._file.connection.execute("PRAGMA max_page_count = 100000")
        store.put(Table.VIEW, b"later", b"x" * 3000)
    with Store.open(path, host.keys) as store:
        assert [name for name, _ in store.scan(Table.VIEW)] == [b"kept", b"later"]


@pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("what", ["folder", "file", "new file"])
def test_a_read_only_folder_for_somebody_without_rights(path, tmp_path, shared_keys, program, digest_of, what):
    text = """
        from keyart.store.keys import EphemeralKey
        with Store.open("memory", EphemeralKey()) as warm:  # imports all: nobody may read where they are
            warm.put(Table.VIEW, b"1", b"x")
        os.chdir(path.parent)
        os.setuid(65534)
        try:
            with Store.open(path.name, keys) as store:
                print("read only" if store.read_only else "writable")
                store.put(Table.VIEW, b"1", b"x")
        except StoreFull as error:
            print("full", error)
    """
    Store.open(path, shared_keys).close()
    nobody = 65534
    if what == "folder":
        os.chown(path, nobody, nobody)
    elif what == "file":
        os.chown(tmp_path, nobody, nobody)
    else:
        path = tmp_path / "new.db"
    for folder in (tmp_path, *tmp_path.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)
    before = digest_of(tmp_path)
    *opened, refused = program.run(text, path).splitlines()
    assert refused.startswith("full")
    assert opened == ([] if what == "file" else ["read only"])  # a file of somebody else cannot even be read
    assert digest_of(tmp_path) == before
