"""From sources to signed pictures: every shape, no face cut, and what is left out is said."""

import io

import numpy as np
import pytest
from PIL import Image
from support.pictures import NOW, doll, landscape

from keyart.errors import InputError
from keyart_tools.compose.composer import SHAPES, compose
from keyart_tools.compose.credentials import read_bytes
from keyart_tools.compose.cutout import cut_out
from keyart_tools.compose.picture_file import Picture
from keyart_tools.compose.sources import CompositionSources, SourcePicture


def source(pixels, name="a.png", kind="", **boxes):
    return SourcePicture(Picture(name, pixels, None, "ab" * 32, kind), **boxes)


def made(sources, key, crops=tuple(SHAPES), title=None, drawn=False, rights=""):
    return compose(sources, crops, title, drawn, rights, key, ("keyart", "1"), NOW)


def opened(one):
    with Image.open(io.BytesIO(one.data)) as image:
        return np.asarray(image), image.info


@pytest.fixture(scope="module")
def pair():
    front = source(doll()[0])
    return CompositionSources(front, cut_out(front.picture), source(landscape(800, 450, seed=1), "b.jpg"))


def test_every_shape_is_made_and_signed(pair, key):
    found = made(pair, key, title="A Film", rights="CC BY 3.0, a studio")
    assert found.synthetic and found.source_type == "compositeCapture" and not found.skipped
    for one in found.made:
        pixels, info = opened(one)
        assert pixels.shape[1::-1] == SHAPES[one.crop] == (one.width, one.height)
        assert b"digitalsourcetype/compositeCapture" in info["xmp"] and b"CC BY 3.0" in info["xmp"]
        said = read_bytes(one.data)
        assert said["state"] == "valid" and "c2pa.addedText" in said["actions"]
        assert one.contrast >= 4.5


def test_letters_stay_off_the_head_of_a_subject_without_a_known_face(pair, key):
    found = made(pair, key, ["tv", "square"], title="The Long Way Home of the Last Lighthouse Keeper of the North")
    for one in found.made:
        seen = opened(one)[0].astype(int)
        red = seen[..., 0] - seen[..., 1] > 40
        rows, columns = np.flatnonzero(red.sum(1) > 20), np.flatnonzero(red.sum(0) > 20)
        head = seen[rows[0] : rows[0] + len(rows) // 3, columns[0] : columns[-1]]
        assert (head.min(2) < 230).all()


def test_no_title_no_letters(pair, key):
    (one,) = made(pair, key, ["tv"]).made
    assert one.contrast is None and "c2pa.addedText" not in read_bytes(one.data)["actions"]


def test_of_one_picture_only_crops(key):
    found = made(CompositionSources(source(landscape())), key, drawn=True)
    assert not found.synthetic and found.source_type == "digitalCreation"
    assert read_bytes(found.made[0].data)["actions"] == ["c2pa.opened", "c2pa.cropped", "c2pa.resized"]


def test_generated_sources_are_not_called_captured(pair, key):
    generated = source(landscape(), kind="trainedAlgorithmicMedia")
    found = made(CompositionSources(pair.front, pair.subject, generated), key, ["tv"])
    assert found.source_type == "compositeSynthetic"
    assert read_bytes(found.made[0].data)["source_type"] == "compositeSynthetic"


def test_a_face_is_whole_in_every_crop(key):
    pixels = landscape(1280, 720)
    pixels[200:320, 900:1000] = (255, 0, 255)
    found = made(
        CompositionSources(source(pixels, faces=((900 / 1280, 200 / 720, 100 / 1280, 120 / 720),))),
        key,
        title="A Film",
    )
    for one in found.made:
        seen = opened(one)[0].astype(int)
        face = (seen[..., 0] > 200) & (seen[..., 1] < 90) & (seen[..., 2] > 200)
        rows, columns = np.nonzero(face)
        tall, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert tall / wide == pytest.approx(1.2, rel=0.06)
        assert face.sum() > 0.93 * tall * wide  # no letter and no shade on it


def test_a_crop_that_would_cut_a_face_is_left_out(key):
    wide_face = source(landscape(1280, 720), faces=((0.1, 0.1, 0.8, 0.8),))
    found = made(CompositionSources(wide_face), key)
    assert [one.crop for one in found.made] == ["tv"]
    assert set(found.skipped) == {"poster", "square", "phone"}
    assert all("cuts a face; take another picture" in reason for reason in found.skipped.values())
    with pytest.raises(InputError, match=r"No picture could be made: phone: .* cuts a face"):
        made(CompositionSources(wide_face), key, ["phone"])


def test_lettering_is_whole_or_not_there(key):
    low = source(landscape(1280, 720), lettering=((0.0, 0.7, 1.0, 0.2),))
    assert made(CompositionSources(low), key, ["phone"]).made
    across = source(landscape(1280, 720), lettering=((0.0, 0.4, 1.0, 0.2),))
    with pytest.raises(InputError, match="cuts lettering"):
        made(CompositionSources(across), key, ["phone"])


def test_a_title_without_room(key):
    crowded = source(landscape(1280, 720), faces=((0.02, 0.02, 0.96, 0.96),))
    with pytest.raises(InputError, match="no space for the title"):
        made(CompositionSources(crowded), key, ["tv"], title="A Film")


def test_the_same_pixels_every_time(pair, key):
    one, two = (made(pair, key, ["tv"], title="A Film").made[0] for _ in range(2))
    assert np.array_equal(opened(one)[0], opened(two)[0])
