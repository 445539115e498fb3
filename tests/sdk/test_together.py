"""Together: what a fleet says of which titles are watched together is the dense formula, and sums of integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyart.campaigns.kinds.gradient import FRACTION_BITS
from keyart.campaigns.together import TogetherLayout, together

ONE = 1 << FRACTION_BITS
DIRECTIONS = 3


def views_of(seed: int, devices: int, titles: int, density: float) -> np.ndarray:
    """[d, T]: weights as of quality views (1) and of such as were broken off (.2); some devices have none at all."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 4, (devices, titles)) + 0.2 * rng.integers(0, 3, (devices, titles))
    return (weights * (rng.random((devices, titles)) < density)).astype(np.float32)


def asked_of(seed: int, titles: int) -> np.ndarray:
    return np.random.default_rng([seed, 1]).standard_normal((titles, DIRECTIONS))


def dense(views: np.ndarray, asked: np.ndarray) -> dict[str, np.ndarray]:
    x = views.astype(np.float64)
    c = x.T @ x - np.diag((x**2).sum(axis=0))
    return {
        "views": x.sum(axis=0),
        "weighted": x.T @ x.sum(axis=1),
        "squares": (x**2).sum(axis=0),
        "viewers": np.array([x.any(axis=1).sum()]),
        "products": (c @ asked).ravel(),
    }


fleets = st.tuples(
    st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(1, 15), st.sampled_from([0.0, 0.1, 0.4, 1.0])
)


@settings(max_examples=100, deadline=None)
@given(fleets)
def test_sums_are_the_dense_formula(fleet):
    """Each device rounds each entry once."""
    views, asked = views_of(*fleet), asked_of(fleet[0], fleet[2])
    total = together(views, asked)
    layout = TogetherLayout(*asked.shape)
    assert total.dtype == np.int64 and total.shape == (layout.size,)
    parts = layout.parts(total)
    for name, expected in dense(views, asked).items():
        np.testing.assert_allclose(parts[name] / ONE, expected, rtol=1e-9, atol=len(views) / 2 / ONE + 1e-9)
    assert parts["viewers"][0] == ONE * views.any(axis=1).sum()


@settings(max_examples=100, deadline=None)
@given(fleets, st.integers(0, 12))
def test_a_fleet_is_the_sum_of_its_devices(fleet, cut):
    """To the last bit, in any grouping and any order."""
    views, asked = views_of(*fleet), asked_of(fleet[0], fleet[2])
    total = together(views, asked)
    np.testing.assert_array_equal(together(views[:cut], asked) + together(views[cut:], asked), total)
    alone = [together(one[None], asked) for one in views[::-1]]
    np.testing.assert_array_equal(np.sum(alone, axis=0, dtype=np.int64) if alone else 0 * total, total)


def test_a_device_without_a_history_adds_nothing():
    views, asked = views_of(3, 6, 9, 0.5), asked_of(3, 9)
    total = together(views, asked)
    padded = np.insert(views, [0, 2, 6], 0.0, axis=0)
    assert len(padded) == 9 and total.any()
    np.testing.assert_array_equal(together(padded, asked), total)
    assert not together(np.zeros((4, 9), dtype=np.float32), asked).any()
    assert not together(np.zeros((0, 9), dtype=np.float32), asked).any()


@pytest.mark.parametrize("title", [0, 5])
def test_one_title_is_watched_together_with_none(title):
    """A lone title is in no product."""
    views = np.zeros((1, 9), dtype=np.float32)
    views[0, title] = 2.5
    parts = TogetherLayout(9, DIRECTIONS).parts(together(views, asked_of(0, 9)))
    assert not parts["products"].any()
    assert [parts[name][title] / ONE for name in ("views", "weighted", "squares")] == [2.5, 6.25, 6.25]


def test_layout():
    layout = TogetherLayout(7, 2)
    assert layout.size == 3 * 7 + 1 + 7 * 2
    vector = np.arange(layout.size)
    parts = layout.parts(vector)
    assert list(parts) == ["views", "weighted", "squares", "viewers", "products"]
    np.testing.assert_array_equal(np.concatenate(list(parts.values())), vector)
    parts["products"][-1] = 99
    assert vector[-1] == 99
