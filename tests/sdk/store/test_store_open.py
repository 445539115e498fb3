"""Opening: what is refused and how it says so; one writer; a session that only reads changes nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3

import pytest

from keyart.errors import SettingError, StoreBusy, StoreDamaged, StoreError, StoreFull
from keyart.store import schema
from keyart.store.database import Store, Table


def test_places_where_no_store_can_be(tmp_path, host):
    with pytest.raises(StoreError, match="is a folder"):
        Store.open(tmp_path, host.keys)
    with pytest.raises(StoreError, match="no folder"):
        Store.open(tmp_path / "missing" / "profile.db", host.keys)
    for odd in (tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(StoreError):
            Store.open(odd, host.keys)
    for name in ("", None, 7):
        with pytest.raises(SettingError):
            Store.open(tmp_path / "profile.db", host.keys, name)
    assert list(tmp_path.iterdir()) == [] and host.secrets == {}


@pytest.mark.parametrize("name", ["with space #?%.db", "zażółć 🎬.db", "-wal"])
def test_names_that_an_address_would_misread(tmp_path, host, name):
    for _ in range(2):
        with Store.open(tmp_path / name, host.keys) as store:
            store.put(Table.VIEW, b"1", b"x")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def sqlite_of_somebody_else(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE person (name TEXT)")
    connection.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a database at all" * 400),
        lambda path: path.write_bytes(bytes(8192)),
        sqlite_of_somebody_else,
        lambda path: path.with_name(path.name + "-wal").write_bytes(b"left alone"),
    ],
    ids=["empty", "text", "zeros", "foreign", "wal without its database"],
)
def test_files_that_are_no_store_are_left_as_they_are(path, tmp_path, host, digest_of, make):
    make(path)
    before = digest_of(tmp_path)
    with pytest.raises(StoreDamaged, match=r"Restore .* or delete"):
        Store.open(path, host.keys)
    assert digest_of(tmp_path) == before and host.secrets == {}


@pytest.fixture
def killed_copy(path, tmp_path, host):
    """A copy of the files of a store that is in use: the record is in the WAL alone."""
    with Store.open(path, host.keys) as store:
        store.put(Table.VIEW, b"1", b"only in the WAL")
        return shutil.copytree(tmp_path, tmp_path.with_name(tmp_path.name + "-copy")) / path.name


def test_an_emptied_database_does_not_make_its_wal_vanish(killed_copy, host, digest_of):
    killed_copy.write_bytes(b"")
    before = digest_of(killed_copy.parent)
    assert len(before) == 2
    with pytest.raises(StoreDamaged, match="empty"):
        Store.open(killed_copy, host.keys)
    assert digest_of(killed_copy.parent) == before


def lose_the_mark_of_the_wal(file):
    data = bytearray(file.read_bytes())
    data[18:20] = b"\1\1"  # the read and write versions of SQLite's file format; 2 means WAL
    file.write_bytes(data)


def test_a_database_without_the_mark_of_the_wal(path, host, killed_copy):
    lose_the_mark_of_the_wal(path)
    with pytest.raises(StoreDamaged, match="first page"):
        Store.open(path, host.keys)
    lose_the_mark_of_the_wal(killed_copy)  # but with a WAL beside it, SQLite knows better
    with Store.open(killed_copy, host.keys) as store:
        assert store.get(Table.VIEW, b"1") == b"only in the WAL"


def test_a_schema_that_is_no_text(path, host):
    Store.open(path, host.keys).close()
    data = path.read_bytes()
    torn = data.replace(b"CREATE TABLE e", b"CREATE \xf0ABLE e")
    assert torn != data
    path.write_bytes(torn)
    with pytest.raises(StoreDamaged, match="make no sense"):
        Store.open(path, host.keys)


def test_the_same_profile_twice_in_the_same_process(path, host):
    with Store.open(path, host.keys) as store:
        for file in (path, path.parent / "." / path.name, str(path)):
            with pytest.raises(StoreBusy, match=r"profile 'default' of .* is open in this process"):
                Store.open(file, host.keys)
        store.put(Table.VIEW, b"1", b"x")
        with pytest.raises(StoreBusy):
            Store.open(path, host.keys)
    Store.open(path, host.keys).close()


def test_a_second_writer_in_another_process(path, shared_keys, program):
    attempt = """
        try:
            Store.open(path, keys)
        except StoreBusy as error:
            print(error)
    """
    with Store.open(path, shared_keys) as store:
        assert "Close it there" in program.run(attempt, path)
        store.put(Table.VIEW, b"1", b"x")
        assert "Close it there" in program.run(attempt, path)


def test_a_killed_writer_leaves_no_lock_and_no_file_of_it(path, tmp_path, shared_keys, program):
    program.run(
        """
        store = Store.open(path, keys)
        store.put(Table.VIEW, b"1", b"one")
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        path,
    )
    assert {file.name for file in tmp_path.iterdir()} == {path.name, path.name + "-wal"}
    with Store.open(path, shared_keys) as store:
        assert store.get(Table.VIEW, b"1") == b"one"
        store.put(Table.VIEW, b"2", b"two")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def read_all(path, keys):
    with Store.open(path, keys) as store:
        list(store.scan(Table.VIEW))
        store.get(Table.VIEW, b"nobody")
        store.count(Table.HEAD)
        assert store.size_bytes > 0


def test_reading_changes_no_byte(path, tmp_path, host, digest_of):
    with Store.open(path, host.keys) as store:
        for i in range(200):
            store.put(Table.VIEW, b"%d" % i, b"x", group="t")
    before = digest_of(tmp_path)
    read_all(path, host.keys)
    assert digest_of(tmp_path) == before


def test_reading_what_a_killed_process_left_changes_no_byte(path, tmp_path, host, digest_of):
    live = tmp_path / "live"
    live.mkdir()
    with Store.open(live / path.name, host.keys) as store:
        for i in range(200):
            store.put(Table.VIEW, b"%d" % i, b"x")
        shutil.copytree(live, tmp_path / "copy")
    before = digest_of(tmp_path / "copy")
    assert before.keys() == {path.name, path.name + "-wal"}
    read_all(tmp_path / "copy" / path.name, host.keys)
    assert digest_of(tmp_path / "copy") == before
    with Store.open(tmp_path / "copy" / path.name, host.keys) as store:
        assert store.count(Table.VIEW) == 200
        store.put(Table.VIEW, b"more", b"")
    assert digest_of(tmp_path / "copy").keys() == {path.name}  # a session that wrote folds the WAL


def test_two_processes_make_the_same_store_at_once(path, tmp_path, host, monkeypatch):
    link = os.link

    def other_is_quicker(source, target):
        monkeypatch.setattr(os, "link", link)
        with Store.open(path, host.keys) as store:
            store.put(Table.VIEW, b"theirs", b"x")
        link(source, target)

    monkeypatch.setattr(os, "link", other_is_quicker)
    with Store.open(path, host.keys) as store:
        assert store.get(Table.VIEW, b"theirs") == b"x"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_system_without_links(path, tmp_path, host, monkeypatch):
    def refuse(source, target):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    Store.open(path, host.keys).close()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_place_without_a_wal(path, tmp_path, host, monkeypatch):
    """SQLite answers with the mode that it keeps, and gives no reason."""

    class NoWal:
        def __init__(self, connection):
            self._real = connection

        def __getattr__(self, name):
            return getattr(self._real, name)

        def execute(self, sql, *values):
            return self._real.execute(sql.replace("journal_mode = WAL", "journal_mode"), *values)

    opened = schema._opened
    monkeypatch.setattr(schema, "_opened", lambda *given, **named: NoWal(opened(*given, **named)))
    with pytest.raises(StoreFull, match="another folder"):
        Store.open(path, host.keys)
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_may_read_the_file(path, host):
    with Store.open(path, host.keys) as store:
        store.put(Table.VIEW, b"1", b"x")
        for file in path.parent.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file.name


def test_the_other_name_that_a_killed_maker_left_is_cleared(path, tmp_path, host):
    Store.open(path, host.keys).close()
    os.link(path, tmp_path / "profile.db.0123abcd.new")
    os.link(path, tmp_path / "backup.db")
    Store.open(path, host.keys).close()
    assert {file.name for file in tmp_path.iterdir()} == {path.name, "backup.db"}


def test_what_a_killed_maker_left_is_cleared_and_nothing_else(path, tmp_path, host):
    stray, others = tmp_path / "profile.db.0123abcd.new", tmp_path / "profile.db.backup.new"
    for file in (stray, others):
        file.write_bytes(b"half")
    Store.open(path, host.keys).close()
    assert {file.name for file in tmp_path.iterdir()} == {path.name, others.name}
