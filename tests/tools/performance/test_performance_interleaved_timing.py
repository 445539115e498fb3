"""Calls are taken in turns, warm-ups are not counted, and what makes a call is not timed."""

from __future__ import annotations

import pytest

from keyart_tools.performance import interleaved_timing
from keyart_tools.performance.interleaved_timing import in_turns, percentile
from keyart_tools.performance.ranker_baseline import warmed_up


def test_calls_come_in_turns_and_warm_ups_are_left_out() -> None:
    called: list[str] = []

    samples = in_turns(
        {name: lambda name=name: lambda: called.append(name) for name in ("ours", "bare")}, times=3, warm_up=2
    )

    assert called == ["ours", "bare"] * 5
    assert {name: len(taken) for name, taken in samples.items()} == {"ours": 3, "bare": 3}
    assert all(sample >= 0 for taken in samples.values() for sample in taken)


def test_a_maker_is_not_timed_and_a_call_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0]

    def wait(nanoseconds: int) -> None:
        clock[0] += nanoseconds

    def maker():
        wait(700_000)
        return lambda: wait(3_000)

    monkeypatch.setattr(interleaved_timing.time, "perf_counter_ns", lambda: clock[0])

    assert in_turns({"call": maker}, times=2, warm_up=1) == {"call": [3.0, 3.0]}  # microseconds


def test_percentile_is_a_sample() -> None:
    samples = [float(n) for n in range(100, 0, -1)]

    assert percentile(samples, 0.99) == 100.0
    assert percentile(samples, 0.5) == 51.0
    assert percentile([7.0], 0.99) == 7.0


def test_the_baseline_is_run_twice_before_it_is_timed() -> None:
    runs: list[int] = []

    call = warmed_up(lambda: runs.append(1))

    assert len(runs) == 2
    call()
    assert len(runs) == 3
