"""The load test of a round: a small one through a real gateway, and what would make its figures meaningless."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from keyart.errors import KeyartError, SettingError
from keyart_tools.performance.round_load import measure_round_load
from keyart_tools.performance.synthetic_round import SyntheticRound

MEMBERS = 120
STEPS = ["POST keys", *(f"{verb} {stage}" for stage in ("share", "masked", "unmask") for verb in ("GET", "POST"))]


def small(seconds: float = 120.0, members: int = MEMBERS, rate: float = 60.0) -> object:
    return measure_round_load(members, rate, 1, seconds, lambda done, of: None, size=300, sqlite=True)


@pytest.mark.slow
def test_a_whole_round_goes_through_the_gateway(keyart_command, tmp_path: Path) -> None:
    done = keyart_command(
        "bench", "round", "--members", MEMBERS, "--rate", 60, "--sqlite", "--out", tmp_path, "--json"
    )
    assert done.exit_code == 0, done.output
    load = json.loads(done.stdout)
    assert load == json.loads((tmp_path / "round.json").read_text())
    assert [step["name"] for step in load["requests"]] == STEPS
    assert all(step["requests"] == MEMBERS and step["p99_ms"] >= step["median_ms"] > 0 for step in load["requests"])
    assert load["rows"].pop("partials") >= 1
    assert load["rows"] == {"members": MEMBERS, "asks": 3 * MEMBERS, "answers": 4 * MEMBERS}
    assert load["neighbours"] == 56 and load["stored_bytes"] > MEMBERS * 10_000
    assert set(load["server_seconds"]) == {"keys", "share", "masked", "unmask"}


@pytest.mark.slow
def test_a_vector_that_is_not_in_the_sum_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = SyntheticRound._masked

    def one_entry_changed(self: SyntheticRound, member: int) -> tuple[bytes, ...]:
        header, pads, lanes = sent(self, member)
        entries = np.frombuffer(lanes, np.uint32).copy()
        entries[0] += member == 7
        return header, pads, entries.tobytes()

    monkeypatch.setattr(SyntheticRound, "_masked", one_entry_changed)
    with pytest.raises(KeyartError, match="not that of the masked vectors"):
        small()


@pytest.mark.slow
def test_it_is_bounded_in_time() -> None:
    with pytest.raises(KeyartError, match=r"given up after 1 s; done by then: .*--minutes"):
        small(1.0, members=1_000, rate=1.0)


@pytest.mark.parametrize(("members", "rate"), [(99, 60.0), (MEMBERS, 0.0)])
def test_settings_that_measure_nothing_are_refused(members: int, rate: float) -> None:
    with pytest.raises(SettingError):
        small(members=members, rate=rate)
