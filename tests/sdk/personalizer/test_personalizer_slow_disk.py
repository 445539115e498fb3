"""A slow disk: `observe` writes and never waits for a sync; the WAL is folded in the background."""

from __future__ import annotations

import pytest
from support.catalogs import TV
from support.disk import Disk, mounted

import keyart
from keyart.profile import session as session_module
from keyart.store import schema

PLAYED = keyart.Outcome.played(2400)


def observed(art, disk, count):
    """The numbers of syncs and of steps within each of so many outcomes."""
    found = []
    for i in range(count):
        decision = art.choose(f"t{i % 6}", TV)
        before = disk.syncs, disk.steps
        assert art.observe(decision.id, PLAYED)
        found.append((disk.syncs - before[0], disk.steps - before[1]))
    return found


def test_no_outcome_waits_for_a_sync(open_art, path):
    with mounted(Disk()) as disk, open_art() as art:
        costs = observed(art, disk, 120)
        assert {syncs for syncs, _ in costs} == {0}
        assert all(0 < steps <= 40 for _, steps in costs)  # it is written, so a kill takes nothing
        before = disk.syncs
        art._session._folding._work()  # what runs in the background
        assert disk.syncs > before
        assert {syncs for syncs, _ in observed(art, disk, 20)} <= {0, 1}  # a WAL that begins anew is synced once
        before = disk.syncs
        art.flush()
        assert disk.syncs > before and not disk.unsynced & {path.name, f"{path.name}-wal"}


def test_it_is_folded_by_itself(open_art, path, monkeypatch):
    monkeypatch.setattr(session_module, "HOUSEKEEPING_SECONDS", 0.01)
    with mounted(Disk()) as disk, open_art() as art:
        timers = []
        for i in range(100):
            art.observe(art.choose(f"t{i % 6}", TV).id, PLAYED)
            timers.append(art._session._folding._timer)
        for timer in timers:
            if timer is not None:
                timer.join(30)
        art._session._folding.stop()
        assert disk.syncs > 0


def test_a_long_evening_without_a_pause_has_a_bound(open_art, path, monkeypatch):
    monkeypatch.setattr(schema, "MAX_WAL_PAGES", 60)
    art = open_art()
    for i in range(200):
        art.observe(art.choose(f"t{i % 6}", TV).id, PLAYED)
    wal = path.with_name(path.name + "-wal")
    assert wal.stat().st_size < 100 * 4120


@pytest.fixture(autouse=True)
def _no_housekeeping(monkeypatch):
    """Nothing in the background syncs while a test counts."""
    monkeypatch.setattr(session_module, "HOUSEKEEPING_SECONDS", 3600.0)
