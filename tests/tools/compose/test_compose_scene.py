"""A subject stands where its own frame cut it, in the new light, and is not enlarged beyond what its pixels give."""

import numpy as np
import pytest
from support.pictures import landscape

from keyart.errors import InputError
from keyart_tools.compose.composer import SHAPES
from keyart_tools.compose.crop import CropWindow
from keyart_tools.compose.cutout import Cutout
from keyart_tools.compose.matte import matched, soft_edge, without_spill
from keyart_tools.compose.scene import MAX_ENLARGEMENT, composed, cropped


def figure(touches=(), height=500, width=300):
    pixels = np.full((height, width, 3), (190, 40, 40), np.uint8)
    return Cutout(pixels, np.ones((height, width), np.float32), (0.3, 0.3, 0.3, 0.7), frozenset(touches))


def ground(shape):
    return landscape(*SHAPES[shape])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", ["left", "right", "bottom"])
def test_a_cut_edge_lies_at_the_frame(shape, side):
    left, top, width, height = composed(figure([side]), ground(shape)).placed
    assert {"left": left, "right": 1 - left - width, "bottom": 1 - top - height}[side] == pytest.approx(0, abs=1e-9)
    assert min(left, top) >= 0 and left + width <= 1 and top + height <= 1


def test_a_whole_subject_stands_clear_of_the_frame():
    left, top, width, height = composed(figure(), ground("tv")).placed
    assert left > 0 and top > 0 and left + width < 1 and top + height < 1


def test_a_head_that_is_cut_fills_the_height_or_is_refused():
    _, top, _, height = composed(figure(["top", "bottom"]), ground("tv")).placed
    assert (top, height) == (0, 1)
    with pytest.raises(InputError, match="fills the height of a wide picture only"):
        composed(figure(["top", "bottom"]), ground("poster"))
    with pytest.raises(InputError, match="too broad"):
        composed(figure(["top", "bottom"], height=300, width=600), ground("tv"))


def test_the_subject_is_in_front():
    scene = composed(figure(["bottom"]), ground("tv"))
    covered = scene.pixels[scene.cover == 1].astype(int)
    assert (covered[:, 0] - covered[:, 1]).min() > 60
    assert scene.pixels.shape == (720, 1280, 3) and scene.cover.max() == 1


def test_too_much_enlargement_is_refused():
    with pytest.raises(InputError, match="enlarged"):
        composed(figure(height=80, width=50), ground("poster"))
    pixels = landscape(320, 180)
    with pytest.raises(InputError, match="enlarged"):
        cropped(pixels, CropWindow(0, 0, round(1280 / MAX_ENLARGEMENT) - 10, 180), (1280, 720))
    assert cropped(landscape(), CropWindow(0, 0, 640, 360), (1280, 720)).shape == (720, 1280, 3)


def test_colours_move_towards_the_scene_and_not_all_the_way():
    alpha = np.ones((40, 40), np.float32)
    subject = np.full((40, 40, 3), (200, 180, 160), np.uint8)
    night = np.full((40, 40, 3), (20, 30, 80), np.uint8)
    lit = matched(subject, alpha, night).astype(int).mean((0, 1))
    assert (lit < subject.mean((0, 1))).all() and (lit > night.mean((0, 1))).all()
    assert np.abs(matched(subject, alpha, subject).astype(int) - subject).max() <= 1


def test_the_edge_is_soft_and_clean():
    picture = np.full((200, 200, 3), 240, np.uint8)
    picture[60:140, 60:140] = 20
    mask = np.zeros((100, 100), np.uint8)
    mask[30:70, 30:70] = 1
    alpha = soft_edge(picture, mask)
    assert alpha[70:130, 70:130].min() == 1 and alpha[:50].max() == 0
    assert without_spill(picture, alpha)[alpha > 0.05].max() < 60  # no white of the old background
