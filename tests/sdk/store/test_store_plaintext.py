"""Canaries: no title, no profile name and no key is readable in any file, while running and afterwards."""

from __future__ import annotations

import base64
import logging
import re
import sqlite3
import tempfile
from contextlib import closing

import pytest
from support.disk import Disk, mounted

from keyart.errors import StoreDamaged
from keyart.store.database import Store, Table

CANARIES = ["tt-canary-7731-title", "Zoë's profile canary", "genre:canary"]


def forms_of(text: str) -> set[bytes]:
    """UTF-8, UTF-16 in both orders, hexadecimal, and base64 at each of the three offsets."""
    plain = {text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")}
    encoded = {base64.b64encode(b"\0" * offset + form)[4:-4] for form in plain for offset in range(3)}
    return plain | encoded | {form.hex().encode() for form in plain}


class Search:
    """Every form of some secrets, in upper and lower case."""

    def __init__(self, secrets: set[bytes]) -> None:
        self.bytes_seen = 0
        self._secrets = secrets
        self._compiled()

    def add(self, secrets: set[bytes]) -> None:
        self._secrets |= secrets
        self._compiled()

    def _compiled(self) -> None:
        self._any = re.compile(b"|".join(map(re.escape, sorted(s.lower() for s in self._secrets))))

    def read(self, name: str, data: bytes) -> None:
        self.bytes_seen += len(data)
        found = self._any.search(data.lower())
        assert found is None, f"{found!r} in {name}"

    def read_all(self, folder) -> int:
        files = [file for file in folder.rglob("*") if file.is_file()]
        for file in files:
            self.read(file.name, file.read_bytes())
        return len(files)


def test_no_plaintext_on_disk(tmp_path, host, monkeypatch, caplog, capfd):
    """In what SQLite writes, each single write of it, and in the files: after a kill, one could read either."""
    caplog.set_level(logging.DEBUG)
    (tmp_path / "temp").mkdir()
    for variable in ("SQLITE_TMPDIR", "TMPDIR"):
        monkeypatch.setenv(variable, str(tmp_path / "temp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    title, profile, tag = CANARIES
    path = tmp_path / "profile.db"
    search = Search({form for text in CANARIES for form in forms_of(text)})
    written: set[str] = set()
    failures: list[str] = []

    def on_write(name: str, data: bytes) -> None:
        written.add(name)
        try:
            search.read(name, data)
        except AssertionError as error:
            failures.append(str(error))

    with mounted(Disk(on_write=on_write)):
        store = Store.open(path, host.keys, profile)
        search.add(set(host.secrets.values()))
        for i in range(300):
            record_id, payload = title.encode() + b"%d" % i, f"{title} {profile} {tag}".encode("utf-16")
            store.put(Table.VIEW, record_id, payload, group=title)
        store._file.connection.execute("PRAGMA cache_size = 8")  # pages of an open transaction go to the WAL
        with store.transaction():
            for i in range(100):
                store.put(Table.HEAD, tag.encode() + b"%d" % i, (title * 200).encode(), group=tag)
            size = path.with_name(path.name + "-wal").stat().st_size
            assert size > 400_000
            assert search.read_all(tmp_path) == 2
        assert search.read_all(tmp_path) == 2
        assert store.rotate().verified  # VACUUM, among others
        search.add(set(host.secrets.values()))
        store.delete_group(Table.VIEW, title)
        store.flush()
        store.close()
        search.read_all(tmp_path)
        store = Store.open(path, host.keys, "another " + profile)
        store.forget()
        search.read_all(tmp_path)
    assert failures == []
    assert search.bytes_seen > 3_000_000
    assert not [name for name in written if not re.fullmatch(r"profile\.db(-wal|\.[0-9a-f]{8}\.new)?", name)]
    assert list((tmp_path / "temp").iterdir()) == []

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        assert all(len(name) <= 2 or name.startswith("sqlite_autoindex") for name in names)
        connection.execute("UPDATE e SET r = zeroblob(200)")
    with pytest.raises(StoreDamaged) as caught, Store.open(path, host.keys, profile) as store:
        store.get(Table.HEAD, tag.encode())
    shown = caplog.text + str(caught.value) + "".join(capfd.readouterr())
    assert not any(text in shown for text in CANARIES)


@pytest.mark.parametrize("text", CANARIES)
def test_the_search_would_find_a_canary(tmp_path, text):
    search = Search(forms_of(text))
    forms = sorted(forms_of(text))
    assert 12 < len(forms) < 16  # some are pieces of each other
    for form in forms:
        (tmp_path / "file").write_bytes(b"before" + form.swapcase() + b"after")
        with pytest.raises(AssertionError, match="in file"):
            search.read_all(tmp_path)


def test_the_search_would_see_what_sqlite_writes(tmp_path):
    search, seen = Search(forms_of(CANARIES[0])), []
    disk = Disk(on_write=lambda name, data: seen.append((name, data)))
    with mounted(disk), closing(sqlite3.connect(tmp_path / "plain.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (?)", (CANARIES[0],))
        connection.commit()
    with pytest.raises(AssertionError, match=r"in plain\.db"):
        for name, data in seen:
            search.read(name, data)
