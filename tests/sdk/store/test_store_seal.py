"""Sealed means sealed: no changed bit, no cut and no move of a record is accepted."""

from __future__ import annotations

import sqlite3

import pytest

from keyart.errors import StoreDamaged
from keyart.store import sealed_rows, vault
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
        row: connection.execute("SELECT r FROM e WHERE (p, t, n) = (?, ?, ?)", row).fetchone()[0]
        for row in (FIRST_ROW, other)
    }
    for row, record in zip((FIRST_ROW, other), reversed(sealed.values()), strict=True):
        connection.execute("UPDATE e SET r = ? WHERE (p, t, n) = (?, ?, ?)", (record, *row))
    connection.close()
    places = {
        (1, 2, 1): ("ana", Table.VIEW, b"1"),
        (1, 2, 2): ("ana", Table.VIEW, b"2"),
        (1, 3, 1): ("ana", Table.DECISION, b"1"),
        (2, 2, 1): ("ben", Table.VIEW, b"1"),
    }
    truth = {(1, 2, 1): b"one", (1, 2, 2): b"two", (1, 3, 1): b"three", (2, 2, 1): b"four"}
    refused = set()
    for row, (name, table, record_id) in places.items():
        with Store.open(path, host.keys, name) as store:
            try:
                assert store.get(table, record_id) == truth[row]
            except StoreDamaged as error:
                assert "changed or moved" in str(error) or "are old ones" in str(error)
                refused.add(row)
            if row in sealed:
                with pytest.raises(StoreDamaged):
                    list(store.scan(table))
    assert refused >= set(sealed) and (other[0] == 2 or (2, 2, 1) not in refused)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE e SET n = 9 WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE e SET n = 'text' WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE e SET n = -1 WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE e SET r = 'text' WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE e SET r = 7 WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE e SET h = randomblob(16) WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE e SET h = 'text' WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE e SET h = (SELECT h FROM e WHERE (p, t, n) = (1, 2, 2)) WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE e SET t = 3, n = 7 WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE e SET t = 99 WHERE (p, t, n) = (1, 2, 1)",
        "DELETE FROM e WHERE (p, t, n) = (1, 2, 1)",
        "DELETE FROM e",
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
        "INSERT INTO e SELECT p, t, n + 50, randomblob(16), r FROM e WHERE p = 1",
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
    for ask in (
        lambda: list(store.scan(Table.VIEW)),
        lambda: store.get(Table.VIEW, b"1"),
        lambda: store.put(Table.VIEW, b"1", b"x"),
        lambda: store.delete(Table.VIEW, b"1"),
        lambda: store.delete_group(Table.VIEW, "t1"),
    ):
        with pytest.raises(StoreDamaged, match="Restore"), Store.open(path, host.keys, "ana") as store:
            ask()


def test_an_old_record_brought_back_is_noticed(path, host):
    filled(path, host).close()
    connection = sqlite3.connect(path, isolation_level=None)
    (old,) = connection.execute("SELECT r FROM e WHERE (p, t, n) = (1, 2, 1)").fetchone()
    connection.close()
    with Store.open(path, host.keys, "ana") as store:
        store.put(Table.VIEW, b"1", b"newer", group="t1")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("UPDATE e SET r = ? WHERE (p, t, n) = (1, 2, 1)", (old,))
    connection.close()
    with (
        pytest.raises(StoreDamaged, match="missing, or are old"),
        Store.open(path, host.keys, "ana") as store,
    ):
        list(store.scan(Table.VIEW))


def test_records_whose_order_was_exchanged_are_refused(path, host):
    connection = filled(path, host)
    for old, new in ((1, 9), (2, 1), (9, 2)):
        connection.execute("UPDATE e SET n = ? WHERE (p, t, n) = (1, 2, ?)", (new, old))
    connection.close()
    with Store.open(path, host.keys, "ana") as store, pytest.raises(StoreDamaged, match="changed or moved"):
        list(store.scan(Table.VIEW))


def test_no_changed_bit_and_no_cut_of_a_stored_record_is_accepted():
    """In its row, after the ledger was compared with the rows: each record answers for itself."""
    with Store.open("memory", EphemeralKey()) as store:
        store.put(Table.VIEW, b"1", b"one", group="t")
        (sealed,) = store._file.connection.execute("SELECT r FROM e").fetchone()
        assert store.get(Table.VIEW, b"1") == b"one"
        forged = [sealed[:length] for length in range(len(sealed))]
        for bit in range(len(sealed) * 8):
            record = bytearray(sealed)
            record[bit // 8] ^= 1 << bit % 8
            forged.append(bytes(record))
        assert len(forged) == 161 * 9
        for record in forged:
            store._file.connection.execute("UPDATE e SET r = ?", (record,))
            with pytest.raises(StoreDamaged):
                store.get(Table.VIEW, b"1")
        store._file.connection.execute("UPDATE e SET r = ?", (sealed,))
        assert store.get(Table.VIEW, b"1") == b"one"


@pytest.mark.parametrize("verb", ["get", "put", "delete"])
def test_a_row_that_vanishes_while_the_store_is_open(verb):
    with Store.open("memory", EphemeralKey()) as store:
        store.put(Table.VIEW, b"1", b"one")
        store._file.connection.execute("DELETE FROM e")
        with pytest.raises(StoreDamaged, match="Restore"):
            getattr(store, verb)(Table.VIEW, b"1", *([b"x"] if verb == "put" else []))


def bare(number=1, name_hash=bytes(16), secret=bytes(range(64))):
    return vault.ProfileKeys.of(number, name_hash, secret)


def test_a_record_opens_in_its_place_alone(monkeypatch):
    """Table, order, id, profile's name, profile's key, schema version: each alone, and all of them at once."""
    content = sealed_rows.RecordContent(b"id", sealed_rows.NO_GROUP, b"payload")
    record_hash = sealed_rows.hash_of(bare(), Table.VIEW, b"id")
    sealed = sealed_rows.seal(bare(), Table.VIEW, 7, record_hash, content)
    assert sealed_rows.unseal(bare(), Table.VIEW, 7, record_hash, sealed) == content
    strangers = [bare(name_hash=bytes([1]) * 16), bare(secret=bytes(64))]
    places = [
        (profile, table, order, name)
        for profile in (bare(), *strangers)
        for table in Table
        for order in (7, 1, 8, 7 + 2**32)
        for name in (record_hash, bytes(16), record_hash[:15])
    ]
    for place in places:
        if place[1:] != (Table.VIEW, 7, record_hash) or place[0] in strangers:
            with pytest.raises(StoreDamaged):
                sealed_rows.unseal(*place, sealed)
    for version in (0, 1, 3, 255):
        monkeypatch.setattr(sealed_rows, "RECORD_SCHEMA", version)
        with pytest.raises(StoreDamaged):
            sealed_rows.unseal(bare(), Table.VIEW, 7, record_hash, sealed)


@pytest.mark.parametrize("place", [(None, bytes(16)), (0, bytes(16)), (-1, bytes(16)), ("1", bytes(16)), (1, None)])
def test_rows_that_make_no_sense(place):
    with pytest.raises(StoreDamaged, match="makes no sense"):
        sealed_rows.unseal(bare(), Table.VIEW, *place, bytes(200))


def test_the_group_is_not_to_be_seen(path, host):
    """Records of one group and records of none look alike."""
    with Store.open(path, host.keys) as store:
        for i in range(60):
            store.put(Table.VIEW, b"%d" % i, b"x", group="one title" if i % 2 else None)
    connection = sqlite3.connect(path)
    seen = connection.execute("SELECT h, r FROM e").fetchall()
    connection.close()
    assert len({len(record) for _, record in seen}) == 1
    pieces = [blob[at : at + 8] for row in seen for blob in row for at in range(0, len(blob) - 8, 8)]
    shared = {piece for piece in pieces if pieces.count(piece) > 1}
    assert all(piece in {record[:8] for _, record in seen} for piece in shared)  # version and key id, no more
