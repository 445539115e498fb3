"""Clipping and rounding: the bound of the norm holds of what is sent, whatever was in it and however chance falls."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from support.catalogs import seeded

from keyart.dp.clip import TRIES, UNITS, clip_vectors, integer_norm, round_vectors
from keyart.errors import SettingError

ANY = st.floats(-1e100, 1e100, allow_nan=False)


def always(byte: int) -> Callable[[int], bytes]:
    return lambda size: bytes([byte]) * size


def lengths(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=-1))


@settings(deadline=None)
@given(arrays(np.float64, array_shapes(min_dims=1, max_dims=3, max_side=12), elements=ANY), st.floats(1e-3, 1e3))
def test_nothing_is_longer_than_the_clip(vectors, norm):
    short, factor = clip_vectors(vectors, norm)
    assert short.shape == vectors.shape and factor.shape == vectors.shape[:-1]
    assert (lengths(short) <= norm * (1 + 1e-12)).all()
    assert ((factor > 0) & (factor <= 1)).all()
    np.testing.assert_allclose(short, vectors * factor[..., None])


def test_what_is_short_enough_stays_as_it_is():
    vectors = np.array([[0.0, 0.0], [0.6, 0.8], [0.3, -0.4], [3.0, 4.0]])
    short, factor = clip_vectors(vectors, 1.0)
    np.testing.assert_array_equal(short[:3], vectors[:3])
    np.testing.assert_array_equal(factor, [1.0, 1.0, 1.0, 0.2])
    np.testing.assert_allclose(short[3], [0.6, 0.8])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(wrong):
    vectors = np.zeros((3, 4))
    vectors[1, 2] = wrong
    with pytest.raises(SettingError, match="not finite"):
        clip_vectors(vectors, 1.0)


@pytest.mark.parametrize("huge", [1e155, 1e200, 1.7e308])
def test_a_square_that_overflows_is_clipped_all_the_same(huge):
    with np.errstate(over="ignore"):
        short, _ = clip_vectors(np.array([[huge, -huge], [1.0, 0.0]]), 1.0)
    np.testing.assert_array_equal(short[1], [1.0, 0.0])
    assert (lengths(short) <= 1 + 1e-12).all()


@settings(deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 40)), elements=st.floats(-1, 1)),
    st.sampled_from([1, 2, 7, 256, UNITS]),
    st.integers(0, 2**32 - 1),
)
@example(np.full((1, 40), 0.5), 1, 0)
@example(np.full((2, 1), -1.0), UNITS, 0)
def test_the_bound_holds_after_rounding(vectors, units, seed):
    short, _ = clip_vectors(vectors, 1.0)
    for random in (seeded(seed), always(0x00), always(0xFF), always(0x80)):
        integers = round_vectors(short, units, random)
        assert integers.shape == vectors.shape and integers.dtype == np.int64
        assert (lengths(integers) <= integer_norm(units, vectors.shape[-1])).all()
        assert (np.abs(integers - short * units) < 1 + 1e-9).all()  # a neighbour on either side, or the one nearer 0


@pytest.mark.parametrize(("units", "dimension"), [(1, 400), (10, 10_000), (UNITS, 20_000), (UNITS, 1)])
def test_the_bound_holds_where_rounding_matters_most(units, dimension):
    """Many small entries, each far from an integer: rounding makes the vector longer almost surely."""
    vectors = np.full((20, dimension), 1 / math.sqrt(dimension))
    assert (lengths(round_vectors(vectors, units, seeded(1))) <= integer_norm(units, dimension)).all()


@pytest.mark.parametrize("dimension", [1, 7, 900])
def test_the_mean_of_rounding_is_the_vector(dimension):
    direction = np.random.default_rng(2).normal(size=dimension)
    vector = 0.9 * direction / np.sqrt((direction**2).sum())
    drawn = round_vectors(np.broadcast_to(vector, (4000, dimension)), 50, seeded(3))
    fraction = vector * 50 - np.floor(vector * 50)
    deviation = np.sqrt(np.maximum(fraction * (1 - fraction), 1e-12) / 4000)
    assert (np.abs(drawn.mean(axis=0) - vector * 50) < 5.5 * deviation + 1e-9).all()


def test_integers_stay_as_they_are():
    vectors = np.array([[-1.0, 0.0], [0.0, 0.5], [0.25, -0.25]])
    for random in (always(0x00), always(0xFF), seeded(4)):
        np.testing.assert_array_equal(round_vectors(vectors, 4, random), [[-4, 0], [0, 2], [1, -1]])


def test_a_fraction_goes_up_where_the_number_drawn_is_below_it():
    """In steps of 2⁻³²; a negative entry goes up towards 0."""
    for fraction, drawn, expected in ((0.25, 2**30 - 1, 1), (0.25, 2**30, 0), (0.75, 2**31, 1), (0.75, 3 << 30, 0)):
        for one, wanted in ((fraction, expected), (fraction - 1, expected - 1)):
            data = drawn.to_bytes(4, "little")
            assert round_vectors(np.array([[one, 0.0]]), 1, lambda size, d=data: d.ljust(size, b"\0"))[0, 0] == wanted


def test_a_vector_that_chance_makes_too_long_is_drawn_again_and_then_cut_towards_0():
    """Of 400 entries of half a unit all go up: 20 long, where √(1 + …) is allowed."""
    vectors = np.full((1, 400), 0.05)
    vectors[0, 0] = -0.05
    asked = []

    def all_up(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    bound = integer_norm(10, 400)
    assert math.sqrt(399) > bound
    out = round_vectors(vectors, 10, all_up)
    assert asked == [4 * 400] * TRIES and not out.any()

    def at_last(size: int) -> bytes:
        asked.append(size)
        return bytes(size) if len(asked) < TRIES + 3 else b"\xff" * size

    out = round_vectors(vectors, 10, at_last)
    assert len(asked) == TRIES + 3
    np.testing.assert_array_equal(out, [[-1] + 399 * [0]])


def test_only_what_is_too_long_is_drawn_again():
    vectors = np.full((3, 400), 0.05)
    vectors[1] = 0.0
    vectors[1, 0] = 0.55
    asked: list[list[int]] = [[], [], []]

    def random(row: int, size: int) -> bytes:
        asked[row].append(size)
        return bytes(size) if row == 1 or (row == 0 and len(asked[0]) < 4) else seeded(5)(size)

    out = round_vectors(vectors, 10, [partial(random, row) for row in range(3)])
    assert asked == [[4 * 400] * 4, [4], [4 * 400]]
    assert out[1, 0] == 6 and (lengths(out) <= integer_norm(10, 400)).all() and out[[0, 2]].any()


def test_the_bound_is_equation_3():
    """√(c² + d/4 + √(2 ln 1/β) (c + √d/2)) with β = e^(−1/2), so that the root is 1; at most c + √d."""
    assert integer_norm(100, 400) == pytest.approx(math.sqrt(100**2 + 100 + 100 + 10))
    assert integer_norm(1, 1) == pytest.approx(math.sqrt(1 + 0.25 + 1 + 0.5))
    for units in (1, 10, UNITS):
        for dimension in (1, 100, 20_000):
            assert units < integer_norm(units, dimension) <= units + math.sqrt(dimension)
    assert integer_norm(UNITS, 20_000) / UNITS < 1.001  # what rounding adds to a training vector's norm


def test_most_are_drawn_once():
    """β bounds it: a vector is too long with a chance of at most e^(−1/2) a drawing, here of far less."""
    draws = 0
    rng = np.random.default_rng(5)

    def random(size: int) -> bytes:
        nonlocal draws
        draws += 1
        return rng.bytes(size)

    direction = np.random.default_rng(6).normal(size=(500, 900))
    round_vectors(direction / lengths(direction)[:, None], UNITS, [random] * 500)
    assert draws >= 500 and draws - 500 < math.exp(-0.5) / (1 - math.exp(-0.5)) * 500


def test_each_vector_of_a_batch_has_its_own_randomness_and_is_rounded_as_if_alone():
    vectors = np.random.default_rng(7).normal(size=(20, 300))
    vectors[:, 200:] = 0.0
    vectors[3] = 0.0
    vectors /= np.maximum(lengths(vectors), 1.0)[:, None]
    alone = [round_vectors(vector, 50, seeded(n)) for n, vector in enumerate(vectors)]
    np.testing.assert_array_equal(round_vectors(vectors, 50, [seeded(n) for n in range(20)]), alone)


def test_one_vector_and_stacks_of_them():
    vector = np.array([0.3, -0.2])
    assert round_vectors(vector, 7, always(0)).shape == (2,)
    stack = np.broadcast_to(vector, (2, 3, 2))
    np.testing.assert_array_equal(
        round_vectors(stack, 7, always(0)), np.broadcast_to(round_vectors(vector, 7, always(0)), (2, 3, 2))
    )
    assert round_vectors(np.zeros((0, 5)), 7).shape == (0, 5)


def test_randomness_is_the_operating_systems():
    assert inspect.signature(round_vectors).parameters["random"].default is os.urandom
