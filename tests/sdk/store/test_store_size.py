"""How large a profile is on disk: three months of a living room."""

from __future__ import annotations

import random
import shutil

import pytest

from keyart.store import schema
from keyart.store.database import Store, Table

DAYS, DECISIONS = 90, 20


def days(store, draw, order):
    """Each decision put, and deleted and put again with its outcome: after a day of them, or after all."""
    ids = [draw.randbytes(16) for _ in range(DAYS * DECISIONS)]

    def put(record_id):
        store.put(Table.DECISION, record_id, draw.randbytes(draw.randrange(60, 76)), f"t{draw.randrange(2000)}")

    def observe(record_id):
        with store.transaction():
            store.delete(Table.DECISION, record_id)
            put(record_id)

    for start in range(0, len(ids), DECISIONS if order == "by day" else len(ids)):
        part = ids[start : start + (DECISIONS if order == "by day" else len(ids))]
        for record_id in part:
            put(record_id)
        if order == "at random":
            draw.shuffle(part)
        for record_id in part:
            observe(record_id)
            yield


@pytest.mark.parametrize("order", ["by day", "in order", "at random"])
def test_three_months_of_decisions(path, host, order):
    store = Store.open(path, host.keys)
    store.put(Table.HEAD, b"head", bytes(4_000))
    store.put(Table.SETTING, b"setting", bytes(100))
    largest = max(store.size_bytes for _ in days(store, random.Random(order), order))
    store.close()
    closed = path.stat().st_size
    assert closed <= 400_000, closed
    assert largest - closed <= (300_000 if order != "at random" else 450_000), (largest, closed)
    with Store.open(path, host.keys) as store:
        assert store.count(Table.DECISION) == DAYS * DECISIONS == len(list(store.scan(Table.DECISION)))


def test_the_wal_is_cut_after_a_large_transaction(path, host):
    with Store.open(path, host.keys) as store:
        with store.transaction():
            for i in range(500):
                store.put(Table.VIEW, b"%d" % i, bytes(5_000))
        wal = path.with_name(path.name + "-wal")
        assert wal.stat().st_size > 2_000_000
        for i in range(100):
            store.put(Table.VIEW, b"%d" % i, b"small")
        assert wal.stat().st_size < 300_000


def test_what_deletes_left_is_given_back_at_close(path, host):
    with Store.open(path, host.keys) as store:
        for i in range(1000):
            store.put(Table.VIEW, b"%d" % i, bytes(60))
    full = path.stat().st_size
    with Store.open(path, host.keys) as store:
        for i in range(0, 1000, 2):
            store.delete(Table.VIEW, b"%d" % i)
    assert path.stat().st_size < 0.6 * full
    with Store.open(path, host.keys) as store:
        assert [int(name) for name, _ in store.scan(Table.VIEW)] == list(range(1, 1000, 2))


def test_a_session_that_only_reads_gives_nothing_back(path, tmp_path, host, digest_of):
    with Store.open(path, host.keys) as store:
        for i in range(1000):
            store.put(Table.VIEW, b"%d" % i, bytes(60))
        for i in range(900):
            store.delete(Table.VIEW, b"%d" % i)
        copy = shutil.copytree(tmp_path, tmp_path.with_name(tmp_path.name + "-copy"))  # as a kill would leave it
    before = digest_of(copy)
    with Store.open(copy / path.name, host.keys) as store:
        assert len(list(store.scan(Table.VIEW))) == 100
    assert digest_of(copy) == before


@pytest.mark.parametrize("size", [60, 300, 500, 700, 800, 900, 1_000, 2_500, 4_100, 50_000])
def test_a_file_that_would_gain_nothing_is_left_alone(path, host, monkeypatch, size):
    with Store.open(path, host.keys) as store:
        for i in range(400_000 // (size + 200)):
            store.put(Table.VIEW, b"%d" % i, bytes(size))
    vacuums = []
    vacuum = schema.vacuum
    monkeypatch.setattr(schema, "vacuum", lambda connection: (vacuums.append(1), vacuum(connection)))
    for _ in range(5):
        with Store.open(path, host.keys) as store:
            store.put(Table.SETTING, b"s", b"x")
    assert len(vacuums) <= 1
