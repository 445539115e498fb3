"""The bench of the door: a real gateway under a little load, and figures that are held against their bars."""

from __future__ import annotations

import math

import pytest

from keyart.errors import KeyartError
from keyart_tools.performance import gateway_load, performance_run
from keyart_tools.performance.gateway_load import GatewayLoad


@pytest.mark.slow
def test_a_gateway_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_load, "UPDATES_PER_SECOND", 40)
    monkeypatch.setattr(gateway_load, "SIZE", 500)
    monkeypatch.setattr(gateway_load, "IDLE_DEVICES", 200)
    monkeypatch.setenv("KEYART_TEST_POSTGRES", "postgresql://127.0.0.1:1/postgres")

    rows, (missing,) = gateway_load.rows(1.0)

    assert missing.name == "gateway on Postgres" and missing.reason
    assert [row.reach for row in rows] == [2.0, 250.0, 16.0, 10.0]
    assert all(row.group == "gateway" and math.isfinite(row.figure) for row in rows)
    assert "offered 40 a second" in rows[0].note and rows[0].figure > 0
    assert rows[3].name.startswith("200 idle devices") and "polls a second" in rows[3].note


def test_an_answer_that_is_not_accepted_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_load, "UPDATES_PER_SECOND", 20)
    monkeypatch.setattr(gateway_load, "SIZE", 500)
    monkeypatch.setattr(gateway_load, "SHARE_BYTES", 21)

    with pytest.raises(KeyartError, match="has answered"):
        gateway_load.rows(1.0)


def test_bars() -> None:
    kept = [*gateway_load._update_rows("SQLite", GatewayLoad(1.9, [10.0] * 99 + [240.0], 499.0, 3.0))]
    broken = [*gateway_load._update_rows("SQLite", GatewayLoad(2.1, [10.0] * 99 + [260.0], 300.0, 17.0))]

    assert [row.met for row in kept] == [True] * 3 and [row.met for row in broken] == [False] * 3
    assert "accepted 300" in broken[0].note
    assert (
        gateway_load._idle_row(GatewayLoad(0.99, [], 100.0, math.nan)).met
        and not gateway_load._idle_row(GatewayLoad(1.01, [], 100.0, math.nan)).met
    )


def test_a_quick_run_leaves_it_out_and_says_so() -> None:
    rows, (missing,) = performance_run._measure_gateway(performance_run.QUICK)

    assert rows == [] and "quick" in missing.reason
