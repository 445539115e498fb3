"""Sealed means sealed: no changed bit, no cut and no move of a record is accepted."""

from __future__ import annotations

import sqlite3

import pytest

from keyart.errors import StoreDamaged
from keyart.store.database import Store, Table
from keyart.store.envelope import PADDING_BYTES, VERSION, Sealer, derive
from keyart.store.keys import EphemeralKey

KEY = bytes(range(32))


def test_every_bit_of_a_record_counts():
    sealer = Sealer(KEY, "records")
    record = sealer.seal(b"content", b"binding")
    assert sealer.unseal(record, b"binding") == b"content"
    for bit in range(len(record) * 8):
        forged = bytearray(record)
        forged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StoreDamaged):
            sealer.unseal(bytes(forged), b"binding")


def test_every_truncation_and_every_foreign_type_is_refused():
    sealer = Sealer(KEY, "records")
    record = sealer.seal(bytes(200), b"")
    for length in range(len(record)):
        with pytest.raises(StoreDamaged):
            sealer.unseal(record[:length], b"")
    for other in (None, 7, 1.5, "text", record + b"\0", b"\0" + record):
        with pytest.raises(StoreDamaged):
            sealer.unseal(other, b"")


def test_another_binding_key_or_purpose_does_not_open():
    record = Sealer(KEY, "records").seal(b"content", b"binding")
    for sealer, binding in (
        (Sealer(KEY, "records"), b"bindinG"),
        (Sealer(KEY, "ledger"), b"binding"),
        (Sealer(bytes(32), "records"), b"binding"),
    ):
        with pytest.raises(StoreDamaged):
            sealer.unseal(record, binding)


def test_the_layout_of_a_record():
    sealer = Sealer(KEY, "records")
    lengths = {len(sealer.seal(bytes(n), b"")) for n in range(PADDING_BYTES - 3)}
    assert lengths == {1 + 4 + 12 + PADDING_BYTES + 16}  # a short content does not show how short it is
    first, second = sealer.seal(b"same", b""), sealer.seal(b"same", b"")
    assert first[0] == VERSION and first[1:5] == derive(KEY, "records/key id", 4)
    assert first[5:17] != second[5:17] and first[17:] != second[17:]


FIRST_ROW = (1, 2, 1)  # profile, table, order


def filled(path, host):
    with Store.open(path, host.keys, "ana") as store:
        store.put(Table.VIEW, b"1", b"one", group="t1")
        store.put(Table.VIEW, b"2", b"two", group="t2")
        store.put(Table.DECISION, b"1", b"three", group="t1")
    with Store.open(path, host.keys, "ben") as store:
        store.put(Table.VIEW, b"1", b"four", group="t1")
    return sqlite3.connect(path, isolation_level=None)


@pytest.mark.parametrize("other", [(1, 2, 2), (1, 3, 1), (2, 2, 1)], ids=["id", "table", "profile"])
def test_records_that_changed_places_are_refused(path, host, other):
    connection = filled(path, host)
    sealed = {
        row: connection.execute("SELECT r FROM c WHERE (p, t, n) = (?, ?, ?)", row).fetchone()[0]
        for row in (FIRST_ROW, other)
    }
    for row, record in zip((FIRST_ROW, other), reversed(sealed.values()), strict=True):
        connection.execute("UPDATE c SET r = ? WHERE (p, t, n) = (?, ?, ?)", (record, *row))
    connection.close()
    places = {
        (1, 2, 1): ("ana", Table.VIEW, b"1"),
        (1, 2, 2): ("ana", Table.VIEW, b"2"),
        (1, 3, 1): ("ana", Table.DECISION, b"1"),
        (2, 2, 1): ("ben", Table.VIEW, b"1"),
    }
    for row, (name, table, record_id) in places.items():
        with Store.open(path, host.keys, name) as store:
            if row in sealed:
                with pytest.raises(StoreDamaged, match=r"changed or moved|another key"):
                    store.get(table, record_id)
                with pytest.raises(StoreDamaged):
                    list(store.scan(table))
            else:
                assert store.get(table, record_id) in {b"one", b"two", b"three", b"four"}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE c SET g = randomblob(16) WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE c SET g = NULL WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE c SET g = 'text' WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE c SET n = 9 WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE c SET n = 'text' WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE c SET n = -1 WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE c SET r = 'text' WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE c SET r = 7 WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE c SET h = randomblob(16) WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE c SET t = 3, n = 7 WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE c SET t = 99 WHERE (p, t, n) = (1, 2, 1)",
        "DELETE FROM c WHERE (p, t, n) = (1, 2, 1)",
        "DELETE FROM c",
        "DELETE FROM d",
        "DELETE FROM b",
        "DELETE FROM a",
        "UPDATE a SET n = n + 1",
        "UPDATE a SET k = NULL",
        "UPDATE a SET s = randomblob(16)",
        "UPDATE a SET k = randomblob(length(k))",
        "UPDATE b SET h = randomblob(16) WHERE i = 1",
        "UPDATE b SET k = randomblob(length(k)) WHERE i = 1",
        "UPDATE b SET i = 5 WHERE i = 1",
        "UPDATE d SET m = randomblob(length(m)) WHERE i = 1",
        "UPDATE d SET m = 'text' WHERE i = 1",
        "INSERT INTO c SELECT p, t, n + 50, randomblob(16), g, r FROM c WHERE p = 1",
    ],
)
def test_rows_that_were_edited_are_noticed(path, host, change):
    connection = filled(path, host)
    before = path.read_bytes()
    connection.execute(change)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    if path.read_bytes() == before:
        pytest.fail("the file was not changed")
    with pytest.raises(StoreDamaged, match="Restore"), Store.open(path, host.keys, "ana") as store:
        list(store.scan(Table.VIEW))


def test_an_old_record_brought_back_is_noticed(path, host):
    filled(path, host).close()
    connection = sqlite3.connect(path, isolation_level=None)
    (old,) = connection.execute("SELECT r FROM c WHERE (p, t, n) = (1, 2, 1)").fetchone()
    connection.close()
    with Store.open(path, host.keys, "ana") as store:
        store.put(Table.VIEW, b"1", b"newer", group="t1")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE c SET r = ? WHERE (p, t, n) = (1, 2, 1)", (old,))
    connection.close()
    with (
        pytest.raises(StoreDamaged, match="missing, or are old"),
        Store.open(path, host.keys, "ana") as store,
    ):
        list(store.scan(Table.VIEW))


def test_records_whose_order_was_exchanged_are_refused(path, host):
    connection = filled(path, host)
    for old, new in ((1, 9), (2, 1), (9, 2)):
        connection.execute("UPDATE c SET n = ? WHERE (p, t, n) = (1, 2, ?)", (new, old))
    connection.close()
    with Store.open(path, host.keys, "ana") as store, pytest.raises(StoreDamaged, match="changed or moved"):
        list(store.scan(Table.VIEW))


def test_the_schema_version_is_bound(monkeypatch):
    with Store.open("memory", EphemeralKey()) as store:
        store.put(Table.VIEW, b"1", b"one")
        monkeypatch.setattr("keyart.store.records.RECORD_SCHEMA", 2)
        with pytest.raises(StoreDamaged):
            store.get(Table.VIEW, b"1")
