"""One title's candidates on a device are what the batched choice of a fleet gives, to the last bit."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from keyart.model.candidates import Candidates
from keyart.model.policy import distribution, draw_candidates
from keyart.model.scorer import Scores, sigmoid, value_of

logits = st.floats(-9, 9, width=32)
candidate = st.tuples(logits, logits, st.floats(-2, 2, width=32), st.floats(0.5, 1, width=32))
slates = st.integers(1, 24).flatmap(
    lambda n: st.tuples(
        st.lists(candidate, min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n).filter(any),
        st.sampled_from([0.0, 32.0, 20_000.0, math.inf]),
        st.floats(0, 1, exclude_max=True),
    )
)


@settings(deadline=None, max_examples=300)
@given(slates, st.booleans())
def test_a_device_draws_as_a_fleet_does(slate, with_factors):
    columns, may, gamma, uniform = slate
    play, keep, offsets, factors = np.array(columns, dtype=np.float32).T
    allowed = np.array(may)
    value = value_of(play[None] + offsets[None], keep[None])
    value = value * factors[None] if with_factors else value
    batch = distribution(value, allowed[None], gamma)
    mine = Candidates(play + offsets, keep, value_of(play + offsets, keep), allowed, gamma)
    some = factors if with_factors else None
    np.testing.assert_array_equal(mine.weighed(some).probability, batch[0])
    drawn = mine.draw(uniform, some)
    assert drawn.place == draw_candidates(batch, np.array([uniform]))[0]
    assert drawn.propensity == batch[0, drawn.place] > 0
    values = np.where(allowed, value[0], -np.inf)
    assert drawn.exploring == bool(values[drawn.place] < values.max())


def test_exploring_means_that_another_had_more_value():
    """Not so among equals, nor where the better one may not be shown."""
    value = np.array([0.2, 0.3, 0.3, 0.9], dtype=np.float32)
    slate = Candidates(value, value, value, np.array([True, True, True, False]), 5.0)
    found = {drawn.place: drawn.exploring for drawn in map(slate.draw, np.linspace(0, 0.999, 50).tolist())}
    assert found == {0: True, 1: False, 2: False}


def test_value_is_that_of_two_sigmoids():
    play, keep = np.random.default_rng(1).normal(0, 4, (2, 5000)).astype(np.float32)
    np.testing.assert_array_equal(value_of(play, keep), sigmoid(play) * sigmoid(keep))
    np.testing.assert_array_equal(Scores(play, keep).value, value_of(play, keep))
