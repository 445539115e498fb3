"""Noise and rounding are entries a second, over those of numpy."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from keyart.dp.clip import integer_norm
from keyart_tools.performance import noise_timing


def test_every_row_is_finite_and_promises_nothing() -> None:
    rows = noise_timing.rows(2)

    assert [row.name for row in rows] == [
        "Skellam noise, variance 2,000, entries",
        "Skellam noise, variance 50,000, entries",
        "clip and round, entries",
    ]
    assert all(math.isfinite(row.figure) and row.figure > 0 and row.ratio > 0 for row in rows)
    assert {row.met for row in rows} == {None} and {row.unit for row in rows} == {"/s"}


def test_rates_are_of_medians_and_the_ratio_is_ours_over_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = {"ours": [400, 900, 1], "theirs": [100]}
    monkeypatch.setattr(noise_timing, "in_turns", lambda makers, times, warm_up: samples)

    for row in noise_timing.rows(3):
        assert row.figure == pytest.approx(1e7) and row.ratio == pytest.approx(0.25)


def test_both_sides_draw_as_many_of_the_same_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def keep(makers: dict[str, Callable], times: int, warm_up: int) -> dict[str, list[float]]:
        drawn.append([maker()() for maker in makers.values()])
        return {name: [1.0] for name in makers}

    monkeypatch.setattr(noise_timing, "in_turns", keep)
    noise_timing.rows(1)

    for variance, pair in zip(noise_timing.VARIANCES, drawn, strict=False):
        for values in pair:
            assert values.shape == (noise_timing.ENTRIES,)
            assert values.var() == pytest.approx(
                variance, rel=0.15
            )  # more than six deviations of a variance of 4,000
    ours, theirs = drawn[-1]
    assert ours.shape == theirs.shape
    assert (ours**2).sum() <= integer_norm(noise_timing.UNITS, noise_timing.ENTRIES) ** 2
