"""The funnel: two logistic stages, and watch times that the default reward reads as they were meant."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import keyart
from keyart_federated.worlds.response import chance, draw, intercept_for, quality_threshold
from keyart_federated.worlds.table_world import draw_rows, uniforms

unit = st.floats(0, 1, exclude_max=True)


@given(
    play=st.floats(-8, 8),
    keep=st.floats(-8, 8),
    u=st.tuples(unit, unit, unit),
    duration=st.sampled_from([0, 1200, 5400]),
)
def test_seconds_say_what_was_drawn(play: float, keep: float, u: tuple[float, float, float], duration: float) -> None:
    outcome = draw(play, keep, u, quality_threshold(duration), duration)
    assert (outcome.kind == "played") == (u[0] < chance(play))
    quality = u[0] < chance(play) and u[1] < chance(keep)
    assert keyart.Reward().of(outcome, duration) == quality
    if duration:
        assert outcome.seconds <= duration


@given(low=st.floats(-8, 8), more=st.floats(0, 4), u=st.tuples(unit, unit, unit))
def test_a_better_picture_never_turns_a_play_into_a_skip(
    low: float, more: float, u: tuple[float, float, float]
) -> None:
    first, second = draw(low, 0.0, u, 900, 5400), draw(low + more, 0.0, u, 900, 5400)
    assert not (first.kind == "played" and second.kind != "played")


def test_pages_are_opened_without_a_play_too() -> None:
    kinds = [draw(0.0, 0.0, (u, 0.5, 0.5), 900, 5400).kind for u in np.linspace(0, 0.999, 1000)]
    assert kinds.count("played") == pytest.approx(500, abs=2)
    assert kinds.count("opened") == pytest.approx(50, abs=2)


def test_intercept_reaches_the_rate() -> None:
    logits = np.random.default_rng(0).normal(size=1000)
    b = intercept_for(logits, 0.1)
    assert np.mean(1 / (1 + np.exp(-(logits + b)))) == pytest.approx(0.1)
    assert chance(math.log(3)) == pytest.approx(0.75)


def test_uniforms_depend_on_viewer_and_impression_alone() -> None:
    small, large = uniforms(7, 1, 3, 5, 2), uniforms(7, 1, 6, 50, 2)
    assert np.array_equal(small, large[:3, :5])
    assert len(np.unique(large)) > 590
    assert not np.array_equal(small, uniforms(7, 2, 3, 5, 2))
    assert not np.array_equal(small, uniforms(8, 1, 3, 5, 2))


def test_rows_are_drawn_by_their_own_probabilities() -> None:
    p = np.array([[0.2, 0.0, 0.8], [0.0, 1.0, 0.0]])
    u = np.tile((np.arange(1000) + 0.5) / 1000, (2, 1))
    found = draw_rows(p, u)
    assert np.bincount(found[0], minlength=3).tolist() == [200, 0, 800]
    assert set(found[1].tolist()) == {1}
    below = np.nextafter(np.float32(1), np.float32(0))
    edges = draw_rows(p, np.array([[0.0, below], [0.0, below]], dtype=np.float32))
    assert edges.tolist() == [[0, 2], [1, 1]]
