"""Where one looks, and where a title fits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyart_tools.tagging.composition import calm_spaces, edges, subject

from .conftest import scenery

shares = st.floats(0.0, 0.6)
boxes = st.tuples(shares, shares, st.floats(0.05, 0.4), st.floats(0.05, 0.4))


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)


def test_the_eye_goes_to_what_stands_out() -> None:
    picture = np.full((180, 320, 3), 120, np.uint8)
    picture[60:120, 180:240] = scenery(2, 60, 60)

    left, top, width, height = subject(picture, []) or (0, 0, 0, 0)

    assert overlap((left, top, width, height), (180 / 320, 60 / 180, 60 / 320, 60 / 180)) > 0.3 * 60 * 60 / (
        320 * 180
    )
    assert width * height < 0.25


def test_the_eye_goes_to_faces_first() -> None:
    assert subject(scenery(2), [(0.1, 0.2, 0.1, 0.2), (0.6, 0.1, 0.2, 0.4)]) == pytest.approx((0.1, 0.1, 0.7, 0.4))


def test_a_title_fits_where_nothing_is() -> None:
    picture = np.full((180, 320, 3), 90, np.uint8)
    picture[:, 160:] = np.random.default_rng(0).integers(0, 255, (180, 160, 3), dtype=np.uint8)

    spaces = calm_spaces(edges(picture))

    assert spaces and all(left + width <= 0.52 for left, _, width, _ in spaces)


def test_no_title_fits_where_all_is_busy() -> None:
    assert calm_spaces(edges(np.random.default_rng(0).integers(0, 255, (360, 640, 3), dtype=np.uint8))) == ()


@settings(max_examples=40, deadline=None)
@given(taken=st.lists(boxes, max_size=4))
def test_titles_leave_faces_and_margins_free(taken: list[tuple[float, float, float, float]]) -> None:
    spaces = calm_spaces(np.zeros((90, 160), np.float32), taken)

    for place, space in enumerate(spaces):
        left, top, width, height = space
        assert left >= 0.04 and top >= 0.04
        assert left + width <= 0.96 and top + height <= 0.96
        assert all(overlap(space, box) < 1e-4 for box in taken)
        assert all(overlap(space, other) < 1e-4 for other in spaces[:place])


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (900, 2)])
def test_composition_of_pictures_of_any_size(size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), 7, np.uint8)

    subject(picture, [])
    assert calm_spaces(edges(picture))
