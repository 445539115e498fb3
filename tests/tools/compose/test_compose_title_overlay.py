"""A title is inside the safe area, beside faces, drawn with letters that exist, and readable in the finished JPEG."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter
from support.pictures import landscape

from keyart.errors import SettingError
from keyart_tools.compose.composer import SHAPES
from keyart_tools.compose.picture_file import jpeg
from keyart_tools.compose.title_overlay import (
    MIN_CONTRAST,
    SAFE_MARGIN,
    checked_title,
    contrast_on_white,
    find_place,
    lettered,
)

CALM = np.zeros((9, 16), np.float32)


@pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    "title", ["Up", "Big Buck Bunny", "The Long and Winding Way Home of the Last Lighthouse Keeper"]
)
def test_it_stays_in_the_safe_area(title, size):
    place = find_place(title, size, [], CALM)
    left, top, right, bottom = place.box
    assert " ".join(place.lines) == title
    assert left >= int(SAFE_MARGIN * size[0]) and right <= np.ceil((1 - SAFE_MARGIN) * size[0])
    assert top >= int(SAFE_MARGIN * size[1]) and bottom <= np.ceil((1 - SAFE_MARGIN) * size[1])
    drawn, _ = lettered(np.zeros((size[1], size[0], 3), np.uint8), place, np.zeros(size[::-1], np.float32))
    rows, columns = np.nonzero(drawn.max(2))
    assert rows.size and top <= rows.min() and rows.max() < bottom
    assert left - 2 <= columns.min() and columns.max() <= right + 2


def test_it_covers_no_face():
    face = (0, 0, 1280, 500)
    place = find_place("Big Buck Bunny", (1280, 720), [face], CALM)
    assert place.box[1] >= 500
    assert find_place("Big Buck Bunny", (1280, 720), [(0, 0, 1280, 720)], CALM) is None


def test_it_goes_where_little_is_to_be_seen():
    attention = np.ones((9, 16), np.float32)
    attention[:, :6] = 0
    assert find_place("Up", (1280, 720), [], attention).box[2] <= 1280 * 6 / 16


GROUNDS = {
    "white": np.full((720, 1280, 3), 255, np.uint8),
    "black": np.zeros((720, 1280, 3), np.uint8),
    "noise": np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8),
    "landscape": landscape(1280, 720),
}


@pytest.mark.parametrize("ground", GROUNDS)
def test_it_can_be_read_in_the_finished_file(ground):
    place = find_place("Big Buck Bunny", (1280, 720), [], CALM)
    drawn, contrast = lettered(GROUNDS[ground], place, np.zeros((720, 1280), np.float32))
    assert contrast >= MIN_CONTRAST
    with Image.open(io.BytesIO(jpeg(drawn, b""))) as image:
        decoded = np.asarray(image)
    left, top, right, bottom = place.box
    block, letters = decoded[top:bottom, left:right], drawn[top:bottom, left:right].min(2)
    # Pixels two away from any part of a letter, edges that are neither letter nor ground left out.
    wide = np.asarray(Image.fromarray((letters > 150).astype(np.uint8) * 255).convert("L"))
    near = np.asarray(Image.fromarray(wide).filter(ImageFilter.MaxFilter(9))) > 0
    assert contrast_on_white(block[~near]) >= MIN_CONTRAST
    assert np.median(block[letters == 255]) > 245


def test_contrast_is_that_of_the_standard():
    assert contrast_on_white(np.zeros((1, 3))) == pytest.approx(21)
    assert contrast_on_white(np.full((1, 3), 255)) == pytest.approx(1)
    assert contrast_on_white(np.full((1, 3), 118)) == pytest.approx(4.54, abs=0.01)  # #767676, the known limit


def test_a_spared_subject_stays_as_it_is():
    place = find_place("Up", (1280, 720), [], CALM)
    spared = np.zeros((720, 1280), np.float32)
    spared[:, 400:] = 1
    ground = np.full((720, 1280, 3), 255, np.uint8)
    drawn, _ = lettered(ground, place, spared)
    beyond = max(place.box[2] + 3 * place.size, 400)
    assert (drawn[:, beyond:] == 255).all()


@pytest.mark.parametrize("title", ["", "   ", "x" * 121])
def test_its_length(title):
    with pytest.raises(SettingError, match="1 to 120"):
        checked_title(title)


@pytest.mark.parametrize("title", ["映画", "Bunny 🐰", "a\u0007b"])
def test_letters_that_are_not_there(title):
    with pytest.raises(SettingError, match=r"no letter for U\+"):
        checked_title(title)


@pytest.mark.parametrize("title", ["Žižkov – Übermut", "Ψυχή", "Большой кролик", "أرنب"])
def test_letters_that_are(title):
    assert checked_title(f" {title}\n") == title
