"""Canaries: no title, no profile name and no key is readable in any file, while running and afterwards."""

from __future__ import annotations

import base64
import logging
import shutil
import sqlite3
import tempfile

import pytest

from keyart.errors import StoreDamaged
from keyart.store.database import Store, Table

CANARIES = ["tt-canary-7731-title", "Zoë's profile canary", "genre:canary"]


def forms_of(text: str) -> set[bytes]:
    """UTF-8, UTF-16 in both orders, hexadecimal, and base64 at each of the three offsets."""
    plain = {text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")}
    encoded = {base64.b64encode(b"\0" * offset + form)[4:-4] for form in plain for offset in range(3)}
    return plain | encoded | {form.hex().encode() for form in plain}


def assert_silent(folder, secrets):
    for file in folder.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            for form in secrets:
                assert form not in data and form.lower() not in data.lower(), f"{form!r} in {file.name}"


def test_no_plaintext_on_disk(tmp_path, host, monkeypatch, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path / "temp"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    title, profile, tag = CANARIES
    path = tmp_path / "profile.db"
    secrets = {form for text in CANARIES for form in forms_of(text)}
    store = Store.open(path, host.keys, profile)
    secrets |= set(host.secrets.values())
    for i in range(400):
        store.put(Table.VIEW, title.encode() + b"%d" % i, f"{title} {profile} {tag}".encode("utf-16"), group=title)
    store.put(Table.HEAD, tag.encode(), (title * 2000).encode())
    assert_silent(shutil.copytree(tmp_path, tmp_path.parent / "running", dirs_exist_ok=True), secrets)
    store.delete_group(Table.VIEW, title)
    store.flush()
    store.close()
    assert_silent(tmp_path, secrets)

    connection = sqlite3.connect(path, isolation_level=None)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert all(len(name) <= 2 or name.startswith("sqlite_autoindex") for name in names)
    connection.execute("UPDATE c SET r = zeroblob(200)")
    connection.close()
    with pytest.raises(StoreDamaged) as caught, Store.open(path, host.keys, profile) as store:
        store.get(Table.HEAD, tag.encode())
    shown = caplog.text + str(caught.value) + "".join(capfd.readouterr())
    assert not any(text in shown for text in CANARIES)


def test_the_search_would_find_a_canary(tmp_path):
    for number, form in enumerate(sorted(forms_of(CANARIES[0]))):
        (tmp_path / "file").write_bytes(b"before" + form + b"after")
        with pytest.raises(AssertionError):
            assert_silent(tmp_path, forms_of(CANARIES[0]))
        assert number < 20
