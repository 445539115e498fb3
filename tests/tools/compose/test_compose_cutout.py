"""A clear subject is cut out along its outline; an unclear one is refused, with the reason."""

import numpy as np
import pytest
from PIL import Image
from support.pictures import doll, landscape

from keyart.errors import InputError
from keyart_tools.compose.attention import attention_map
from keyart_tools.compose.cutout import CutoutQuality, cut_out, find_mask
from keyart_tools.compose.picture_file import Picture, read_picture


def picture(pixels, alpha=None):
    return Picture("a.png", pixels, alpha, "0" * 64)


def test_the_outline_is_found():
    pixels, mask = doll()
    found = cut_out(picture(pixels))
    left, top, _, _ = found.box
    whole = np.zeros(mask.shape)
    rows, columns = round(top * 450), round(left * 800)
    whole[rows : rows + len(found.alpha), columns : columns + found.alpha.shape[1]] = found.alpha
    agreement = np.minimum(whole, mask).sum() / np.maximum(whole, mask).sum()
    assert agreement > 0.95
    assert found.touches == {"bottom"}


def test_no_colour_of_the_lawn_comes_along():
    found = cut_out(picture(doll()[0]))
    seen = found.pixels[found.alpha > 0.05].astype(int)
    assert (seen[:, 0] - seen[:, 1]).min() > 80  # red all over


@pytest.mark.parametrize(
    "pixels",
    [
        landscape(),
        np.full((360, 640, 3), 90, np.uint8),
        np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8),
    ],
    ids=["no subject", "one colour", "noise"],
)
def test_what_has_no_subject_is_refused(pixels):
    with pytest.raises(InputError, match=r"no clean cut-out, .*Take a picture with one whole subject"):
        cut_out(picture(pixels))


def test_each_fault_has_its_words():
    good = {"share": 0.3, "whole": 1.0, "agreement": 0.9, "leak": 0.0, "solid": 0.9, "edge": 30.0, "by_face": True}
    assert CutoutQuality(**good, touches=frozenset({"bottom", "left"})).fault() == ""
    assert CutoutQuality(**{**good, "by_face": False}, touches=frozenset()).fault()  # attention alone must be clearer
    for change, words in [
        ({"share": 0.01}, "too small"),
        ({"share": 0.9}, "too large"),
        ({"whole": 0.5}, "pieces"),
        ({"agreement": 0.5}, "alike"),
        ({"leak": 0.5}, "alike"),
        ({"solid": 0.4}, "ragged"),
        ({"edge": 3.0}, "hardly visible"),
    ]:
        assert words in CutoutQuality(**{**good, **change}, touches=frozenset()).fault()
    for edges in ({"left", "right"}, {"top"}, {"top", "left", "bottom"}):
        assert "runs out" in CutoutQuality(**good, touches=frozenset(edges)).fault()


def test_a_cut_out_made_by_hand_is_taken_as_it_is():
    pixels, mask = doll()
    found = cut_out(picture(pixels, mask * 255))
    assert found.alpha.sum() == mask.sum()
    with pytest.raises(InputError, match="transparent all over"):
        cut_out(picture(pixels, mask * 0))


def test_the_same_every_time():
    pixels, _ = doll()
    (one, _), (two, _) = find_mask(pixels), find_mask(pixels)
    assert np.array_equal(one, two)


def test_attention_is_on_what_is_unlike_the_borders():
    pixels, mask = doll()
    attention = attention_map(pixels)
    inside = np.asarray(Image.fromarray(mask).resize(attention.shape[::-1])) > 0
    assert attention[inside].mean() > 5 * attention[~inside].mean()


def test_a_person_by_her_face(astronaut):
    found = cut_out(read_picture(astronaut), [(0.352, 0.113, 0.177, 0.231)])
    assert "bottom" in found.touches and 0.2 < found.alpha.mean() * found.box[2] * found.box[3] < 0.6
    orange = found.pixels[found.alpha > 0.9].mean(0)
    assert orange[0] > orange[2] + 30
