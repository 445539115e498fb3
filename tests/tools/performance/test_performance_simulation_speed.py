"""The bench says which part of a simulated update costs what."""

from __future__ import annotations

import pytest

from keyart_tools.performance.simulation_speed import PARTS, rows


@pytest.mark.slow
def test_each_part_of_an_update_is_timed():
    updates, impressions, *parts = rows(8, 2, 2)
    assert updates.figure > 0
    assert impressions.figure == pytest.approx(2 * updates.figure)
    assert [row.name for row in parts] == [f"an update: {name}" for name in PARTS]
    assert all(row.figure > 0 and row.unit == "µs" for row in parts)
    shares = [int(row.note.partition("%")[0]) for row in parts]
    assert 50 <= sum(shares) <= 100  # the parts are most of a run, and none is counted twice
