"""Several profiles in one app, strictly apart: records, order, counts, digests, keys."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from support.stores import contents

from keyart.errors import StoreDamaged
from keyart.store.database import Store, Table

NAMES = ("ana", "ben")


def filled(path, host):
    """Opened in turn, many times; ana's records have even numbers and ben's odd ones."""
    for i in range(20):
        with Store.open(path, host.keys, NAMES[i % 2]) as store:
            store.put(Table.VIEW, b"%d" % i, b"%d" % (i % 2), group="t")
            store.put(Table.VIEW, b"same id", NAMES[i % 2].encode(), group="t")
            store.put(Table.DECISION, b"d", b"x" * (i % 2))


def test_neither_sees_records_order_or_counts_of_the_other(path, host):
    filled(path, host)
    for number, name in enumerate(NAMES):
        with Store.open(path, host.keys, name) as store:
            mine = [b"%d" % i for i in range(number, 20, 2)]
            expected = [mine[0], b"same id", *mine[1:]]
            for newest_first in (False, True):
                rows = list(store.scan(Table.VIEW, newest_first=newest_first))
                assert [record_id for record_id, _ in rows] == expected[:: -1 if newest_first else 1]
                assert {payload for record_id, payload in rows if record_id != b"same id"} == {b"%d" % number}
            assert store.count(Table.VIEW) == 11 and store.count(Table.DECISION) == 1
            assert store.get(Table.VIEW, b"same id") == name.encode()
            assert store.get(Table.VIEW, b"%d" % (1 - number)) is None
            assert not store.delete(Table.VIEW, b"%d" % (1 - number))


def test_what_one_does_changes_nothing_of_the_other(path, host):
    filled(path, host)
    with Store.open(path, host.keys, "ben") as store:
        before = contents(store), [store.digest(table) for table in Table]
    with Store.open(path, host.keys, "ana") as store:
        assert store.delete_group(Table.VIEW, "t") == 11
        store.put(Table.VIEW, b"1", b"ana's")
        store.rotate()
        with pytest.raises(ZeroDivisionError), store.transaction():
            store.put(Table.VIEW, b"3", b"ana's")
            _ = 1 / 0
    with Store.open(path, host.keys, "ben") as store:
        assert (contents(store), [store.digest(table) for table in Table]) == before
    with Store.open(path, host.keys, "ana") as store:
        assert store.forget().records == 2
    with Store.open(path, host.keys, "ben") as store:
        assert (contents(store), [store.digest(table) for table in Table]) == before


def test_no_key_and_no_hash_is_shared(path, host):
    filled(path, host)
    keys = []
    for name in NAMES:
        with Store.open(path, host.keys, name) as store:
            profile = store._profile
            keys.append({profile.index_key, profile.label_key, profile.name_hash, profile.records._header})
    assert len(keys[0] | keys[1]) == 8
    with closing(sqlite3.connect(path)) as connection:
        hashes = [{row[0] for row in connection.execute("SELECT h FROM e WHERE p = ?", (p,))} for p in (1, 2)]
    assert len(hashes[0]) == len(hashes[1]) == 12 and not hashes[0] & hashes[1]  # "same id" among them


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE e SET p = 1, n = 1000 WHERE (p, t, n) = (2, 2, 1)",
        "INSERT INTO e SELECT 1, t, n + 1000, h, r FROM e WHERE (p, t, n) = (2, 2, 1)",
        "UPDATE e SET r = (SELECT r FROM e WHERE (p, t, n) = (2, 2, 1)) WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE e SET (h, r) = (SELECT h, r FROM e WHERE (p, t, n) = (2, 2, 1)) WHERE (p, t, n) = (1, 2, 1)",
        "UPDATE e SET p = 5 - p",
        "UPDATE d SET m = (SELECT m FROM d WHERE i = 2) WHERE i = 1",
        "UPDATE b SET k = (SELECT k FROM b WHERE i = 2) WHERE i = 1",
    ],
)
def test_a_record_a_ledger_or_a_key_moved_between_them_is_refused(path, host, change):
    filled(path, host)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute(change).rowcount > 0
    with pytest.raises(StoreDamaged), Store.open(path, host.keys, "ana") as store:
        list(store.scan(Table.VIEW))
    with pytest.raises(StoreDamaged), Store.open(path, host.keys, "ana") as store:
        store.get(Table.VIEW, b"0")


def test_a_record_moved_between_them_is_refused_even_where_the_ledger_agrees(path, host):
    """The ledger compared by itself; then the rows are exchanged, as by somebody in the file at that moment."""
    filled(path, host)
    with closing(sqlite3.connect(path)) as connection:
        (theirs,) = connection.execute("SELECT r FROM e WHERE (p, t, n) = (2, 2, 1)").fetchone()
    with Store.open(path, host.keys, "ana") as store:
        assert store.get(Table.VIEW, b"0") == b"0"
        store._file.connection.execute("UPDATE e SET r = ? WHERE (p, t, n) = (1, 2, 1)", (theirs,))
        for ask in (lambda: store.get(Table.VIEW, b"0"), lambda: next(store.scan(Table.VIEW))):
            with pytest.raises(StoreDamaged, match="another key"):
                ask()


def test_names_that_look_alike_are_others(path, host):
    for name in ("ana", "Ana", "ana ", "a\0na", "\ud800"):
        with Store.open(path, host.keys, name) as store:
            assert store.count(Table.VIEW) == 0
            store.put(Table.VIEW, b"1", b"x")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM b").fetchone() == (5,)
