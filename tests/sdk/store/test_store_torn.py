"""A torn file is a clear error, or a state that was once committed. It is never anything else."""

from __future__ import annotations

import random
import shutil

import pytest
from support.stores import make_schema_1

from keyart.errors import KeyartError
from keyart.store.database import Store, Table

PAGE_BYTES = 4096
FRAME_BYTES = PAGE_BYTES + 24
CASES_A_TARGET = 300
STEPS = 40
TABLES = (Table.VIEW, Table.DECISION)
IDS = [b"%d" % i for i in range(40)]


def contents(store):
    return {table: list(store.scan(table, newest_first=True)) for table in TABLES}


def by_id(store):
    return {(table, name): store.get(table, name) for table in TABLES for name in IDS}


def named(state):
    """What by_id answers in that state."""
    truth = {table: dict(rows) for table, rows in state.items()}
    return {(table, name): truth[table].get(name) for table in TABLES for name in IDS}


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """A store as a kill would leave it: checkpointed in part, its WAL full; and each state it has been in."""
    folder = tmp_path_factory.mktemp("torn")
    kept: dict[str, bytes] = {}
    from keyart.store.keys import HostKey

    keys = HostKey(kept.get, kept.__setitem__, kept.__delitem__)
    draw = random.Random(5)
    store = Store.open(folder / "profile.db", keys)
    states = [contents(store)]
    for step in range(STEPS):
        with store.transaction():
            for _ in range(draw.randint(1, 6)):
                table, name = draw.choice(TABLES), draw.choice(IDS)
                if draw.random() < 0.2:
                    store.delete(table, name)
                else:
                    store.put(table, name, b"%d/" % step + draw.randbytes(draw.randrange(400)), f"t{step % 7}")
        states.append(contents(store))
        if step == STEPS // 2:
            store.flush()
    copies = {kind: folder / kind for kind in ("live", "closed", "older")}
    for copy in copies.values():
        copy.mkdir()
    for file in folder.glob("profile.db*"):
        shutil.copy(file, copies["live"])
    store.close()
    shutil.copy(folder / "profile.db", copies["closed"])
    rows = [(table, *row, "t") for table, mine in states[-1].items() for row in reversed(mine)]
    make_schema_1(copies["older"] / "profile.db", keys, {"default": rows})
    return keys, states, copies


def tear(data: bytearray, unit: int, draw: random.Random) -> bytearray:
    kind = draw.choice(["truncate", "cut at a page", "zero a page", "flip a bit", "noise", "swap pages", "double"])
    units = max(1, len(data) // unit)
    at = draw.randrange(units) * unit
    if kind == "truncate":
        del data[draw.randrange(len(data)) :]
    elif kind == "cut at a page":
        del data[at:]
    elif kind == "zero a page":
        data[at : at + unit] = bytes(len(data[at : at + unit]))
    elif kind == "flip a bit":
        for _ in range(draw.choice([1, 1, 20])):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == "noise":
        start = draw.randrange(len(data))
        data[start : start + 64] = draw.randbytes(len(data[start : start + 64]))
    else:
        other = draw.randrange(units) * unit
        first, second = data[at : at + unit], data[other : other + unit]
        data[other : other + unit] = first
        if kind == "swap pages":
            data[at : at + unit] = second
    return data


TARGETS = {"closed database": "closed", "database": "live", "wal": "live", "database of schema 1": "older"}


@pytest.mark.parametrize("target", TARGETS)
def test_torn_files(history, tmp_path, target):
    keys, states, copies = history
    draw = random.Random(target)
    outcomes = {"error": 0, "recovered": 0}
    for case in range(CASES_A_TARGET):
        folder = tmp_path / str(case)
        shutil.copytree(copies[TARGETS[target]], folder)
        victim = folder / ("profile.db-wal" if target == "wal" else "profile.db")
        unit = FRAME_BYTES if target == "wal" else PAGE_BYTES
        victim.write_bytes(tear(bytearray(victim.read_bytes()), unit, draw))
        allowed = states if TARGETS[target] == "live" else states[-1:]
        answers = None
        try:
            with Store.open(folder / "profile.db", keys) as store:
                # Half of the cases ask by id before anything was scanned.
                answers = by_id(store) if case % 2 else None
                found = contents(store)
                answers = answers or by_id(store)
        except KeyartError as error:
            assert "estore" in str(error) or "again" in str(error), error
            assert answers is None or answers in map(named, allowed), f"case {case}: a wrong answer before the error"
            outcomes["error"] += 1
        else:
            assert found in allowed, f"case {case}: a state that never was"
            assert answers == named(found), case
            outcomes["recovered"] += 1
        shutil.rmtree(folder)
    assert outcomes["error"] >= CASES_A_TARGET / 10 or target == "wal", outcomes
    assert outcomes["recovered"] > 0, outcomes


def test_writing_into_a_torn_file_never_spoils_it_silently(history, tmp_path):
    keys, states, copies = history
    draw = random.Random(11)
    for case in range(100):
        folder = tmp_path / str(case)
        shutil.copytree(copies["closed"], folder)
        victim = folder / "profile.db"
        victim.write_bytes(tear(bytearray(victim.read_bytes()), PAGE_BYTES, draw))
        try:
            with Store.open(victim, keys) as store:
                store.put(Table.HEAD, b"new", b"written later")
                store.put(Table.VIEW, b"new", b"written later")
                found = contents(store)
        except KeyartError:
            continue
        expected = {**states[-1], Table.VIEW: [(b"new", b"written later"), *states[-1][Table.VIEW]]}
        assert found == expected, case
