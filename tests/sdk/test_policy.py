"""The policy: a distribution by SquareCB's formula, and draws that follow it."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyart.errors import EngineError
from keyart.model.policy import SHARPNESS, Policy, distribution, distribution_of_set, draw_candidate, draw_candidates

slates = st.integers(1, 20).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(0, 1, width=32), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n).filter(any),
        st.floats(0, 1e6) | st.just(math.inf),
    )
)


@settings(deadline=None, max_examples=200)
@given(slates)
def test_distribution(slate):
    values, allowed, gamma = np.array(slate[0], dtype=np.float32), np.array(slate[1]), slate[2]
    p = distribution(values, allowed, gamma)
    assert p.sum() == pytest.approx(1, abs=1e-12) and (p >= 0).all()
    assert (p[~allowed] == 0).all()
    best = np.where(allowed, values, -1).argmax()
    assert p[best] >= p.max() - 1e-12
    if not math.isinf(gamma):
        assert (p[allowed] > 0).all()
        for a in np.flatnonzero(allowed):
            if a != best:
                gap = float(values[best]) - float(values[a])
                assert p[a] == pytest.approx(1 / (allowed.sum() + gamma * gap), rel=1e-9)
        others = allowed & (np.arange(len(values)) != best)
        order = np.argsort(values[others], kind="stable")
        assert (np.diff(p[others][order]) >= 0).all()  # more value, more chance
    else:
        tied = allowed & (values == values[best])
        np.testing.assert_allclose(p, tied / tied.sum())


@settings(deadline=None, max_examples=100)
@given(slates, st.floats(0, 1, exclude_max=True))
def test_draw_lands_on_what_may_be_drawn(slate, uniform):
    p = distribution(np.array(slate[0]), np.array(slate[1]), slate[2])
    pick = int(draw_candidates(p, uniform))
    assert p[pick] > 0
    assert p[:pick].sum() <= uniform + 1e-12 and uniform <= p[: pick + 1].sum() + 1e-12


def test_batch_is_one_by_one():
    rng = np.random.default_rng(1)
    values, allowed = rng.random((40, 6)), rng.random((40, 6)) < 0.7
    allowed[:, 2] = True
    uniform = rng.random(40)
    for gamma in (0.0, 30.0, math.inf):
        p = distribution(values, allowed, gamma)
        picks = draw_candidates(p, uniform)
        for i in range(40):
            np.testing.assert_array_equal(p[i], distribution(values[i], allowed[i], gamma))
            assert picks[i] == draw_candidates(p[i], uniform[i])


@settings(deadline=None, max_examples=500)
@given(slates, st.floats(0, 1, exclude_max=True))
def test_one_slate_in_plain_floats_is_the_same_to_the_last_bit(slate, uniform):
    values, allowed, gamma = np.array(slate[0], dtype=np.float32), np.array(slate[1]), slate[2]
    ranked = [value if may else -math.inf for value, may in zip(values.tolist(), slate[1], strict=True)]
    p, expected = distribution_of_set(ranked, gamma), distribution(values, allowed, gamma)
    assert p == expected.tolist()
    assert draw_candidate(p, uniform) == draw_candidates(expected, uniform)


def test_the_largest_uniform_number_draws_nothing_that_may_not_be_shown():
    """Its product with the sum of chances, a little more or less than 1, is less than that sum, however rounded."""
    p = distribution(np.array([0.3, 0.2, 0.1, 0.25, 0.9]), np.array([True, True, True, True, False]), 7.0)
    largest = math.nextafter(1.0, 0.0)
    for scale in np.linspace(0.5, 1.5, 4001):
        assert draw_candidates(p * scale, largest) == draw_candidate((p * scale).tolist(), largest) == 3


def test_a_score_that_is_no_number_is_an_error():
    for gamma in (0.0, 20.0, math.inf):
        for values in ([math.nan, 0.1], [0.1, math.nan, -math.inf]):
            with pytest.raises(EngineError, match="install another bundle"):
                distribution_of_set(values, gamma)


def test_gamma():
    assert Policy(exploration=0).gamma(0.08) == Policy(exploration=0).gamma(None) == math.inf
    assert Policy(exploration=1).gamma(0.08) == 0
    assert Policy(exploration=0.01).gamma(0.08) == pytest.approx(SHARPNESS / 0.08 * 99)
    assert 15_000 < Policy().gamma(0.08) < 25_000  # "20,000 at these rates"
    assert Policy().gamma(0.16) == pytest.approx(Policy().gamma(0.08) / 2)
    assert Policy().gamma(None) < Policy().gamma(0.08) / 50  # explores much more before the first model


def test_defaults_are_those_of_the_contract():
    policy = Policy()
    assert policy.stickiness == timedelta(hours=24) and policy.misleading == "block"
    with pytest.raises(AttributeError):
        policy.exploration = 0.5


@given(st.integers(1, 5), st.sampled_from([0.0, 50.0, math.inf]))
def test_nothing_is_drawn_where_nothing_may_be_shown(size, gamma):
    """In a batch, beside rows in which something may, and alone."""
    values, allowed = np.tile(np.linspace(0.1, 0.2, size), (3, 1)), np.ones((3, size), dtype=bool)
    allowed[1] = False
    p = distribution(values, allowed, gamma)
    np.testing.assert_array_equal(p[[0, 2]], distribution(values[[0, 2]], allowed[[0, 2]], gamma))
    assert not p[1].any() and draw_candidates(p, np.full(3, 0.99)).max() < size
    assert distribution_of_set([-math.inf] * size, gamma) == [0.0] * size
