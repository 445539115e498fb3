"""A crop never cuts a box if any window of the stated sizes avoids it, and says so if none does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyart_tools.compose.crop import crop, window_sizes

SHAPES = [(16, 9), (2, 3), (1, 1), (9, 16)]


def is_cut(window, box):
    right, bottom = window.left + window.width, window.top + window.height
    within = window.left <= box[0] and box[2] <= right and window.top <= box[1] and box[3] <= bottom
    apart = box[2] <= window.left or box[0] >= right or box[3] <= window.top or box[1] >= bottom
    return not (within or apart)


def can_be_avoided(size, shape, boxes):
    """Whether any window of any stated size, at any whole pixel, cuts no box."""
    for width, height in window_sizes(size, shape):
        top, left = np.mgrid[0 : size[1] - height + 1, 0 : size[0] - width + 1]
        cut = np.zeros(left.shape, bool)
        for box in boxes:
            within = (left <= box[0]) & (box[2] <= left + width) & (top <= box[1]) & (box[3] <= top + height)
            apart = (box[2] <= left) | (box[0] >= left + width) | (box[3] <= top) | (box[1] >= top + height)
            cut |= ~(within | apart)
        if not cut.all():
            return True
    return False


@st.composite
def scenes(draw):
    width, height = draw(st.integers(6, 160)), draw(st.integers(6, 160))
    boxes = []
    for _ in range(draw(st.integers(0, 4))):
        left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        boxes.append((left, top, draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))))
    attention = np.random.default_rng(draw(st.integers(0, 99))).random((5, 7)).astype(np.float32)
    return (width, height), draw(st.sampled_from(SHAPES)), boxes, attention


@settings(max_examples=400, deadline=None)
@given(scenes())
def test_no_box_is_cut_if_any_window_avoids_it(scene):
    size, shape, boxes, attention = scene
    found = crop(size, shape, boxes, attention)

    assert 0 <= found.left <= size[0] - found.width and 0 <= found.top <= size[1] - found.height
    assert (found.width, found.height) in window_sizes(size, shape)
    cut = tuple(i for i, box in enumerate(boxes) if is_cut(found, box))
    assert found.cuts == cut
    if cut:
        assert not can_be_avoided(size, shape, boxes)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_window_has_the_shape(shape):
    found = crop((1280, 720), shape, [], np.ones((9, 16), np.float32))
    assert found.width / found.height == pytest.approx(shape[0] / shape[1], rel=0.01)
    assert max(found.width / 1280, found.height / 720) == pytest.approx(1, abs=0.01)


def test_it_goes_where_the_attention_is():
    attention = np.zeros((9, 16), np.float32)
    attention[:, 13] = 1
    found = crop((1280, 720), (9, 16), [], attention)
    assert found.left <= 13 * 80 and found.left + found.width >= 14 * 80


def test_without_anything_to_see_it_takes_the_middle():
    found = crop((1280, 720), (1, 1), [], np.zeros((9, 16), np.float32))
    assert found.left == pytest.approx(280, abs=12)


def test_it_zooms_in_where_that_saves_a_line_of_text():
    line = (0, 600, 1280, 700)  # as broad as the picture: only a window above it leaves it whole
    found = crop((1280, 720), (9, 16), [line], np.ones((9, 16), np.float32))
    assert found.cuts == () and found.top + found.height <= 600


def test_a_face_that_is_too_broad_is_named():
    found = crop((1280, 720), (9, 16), [(10, 10, 20, 20), (200, 0, 1080, 720)], np.ones((9, 16), np.float32))
    assert found.cuts == (1,)


def test_a_single_free_place_is_found():
    # Two lines of text leave exactly one row of pixels' worth of freedom, which no grid meets by chance.
    size, shape = (1300, 1009), (1, 1)
    height = window_sizes(size, shape)[-1][1]
    lines = [(0, 100, 1300, 237), (0, 237 + height, 1300, 900)]
    found = crop(size, shape, lines, np.ones((9, 16), np.float32))
    assert (found.top, found.height, found.cuts) == (237, height, ())
