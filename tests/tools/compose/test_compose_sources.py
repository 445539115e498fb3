"""What is composed out of a tagging folder, or of pictures that are given."""

from pathlib import Path

import numpy as np
import pytest
from support.pictures import doll, landscape, tagged

from keyart.errors import CatalogError, InputError
from keyart_tools.compose.sources import read_sources
from keyart_tools.models import Models

NO_MODELS = Models(missing=(), licences={})
FACE = (0.4, 0.3, 0.2, 0.3)


def read(path: Path, background: Path | None = None):
    return read_sources(path, background, NO_MODELS, lambda done, of: None)


def test_one_picture_is_cropped(doll_file):
    found = read(doll_file)
    assert found.subject is None and found.back is None and found.tagging is None


def test_two_pictures(doll_file, lawn_file):
    found = read(doll_file, lawn_file)
    assert found.subject.touches == {"bottom"} and found.back.picture.name == "lawn.jpg"


def test_a_poor_subject_is_an_error_when_it_was_asked_for(lawn_file, doll_file):
    with pytest.raises(InputError, match=r"lawn\.jpg: no clean cut-out"):
        read(lawn_file, doll_file)


def test_of_a_folder_the_first_clear_subject(tmp_path):
    folder = tagged(tmp_path / "f", {"plain": landscape(seed=3), "doll": doll()[0], "lawn": landscape(seed=1)})
    found = read(folder)
    assert found.front.still == "doll" and found.back.still != "doll"


def test_the_background_has_no_faces_if_there_is_a_choice(tmp_path):
    pictures = {"doll": doll()[0], "crowd": landscape(seed=1), "lawn": landscape(seed=2)}
    lettering = {"lettering": (FACE,)}
    assert read(tagged(tmp_path / "f", pictures, crowd=lettering)).back.still == "lawn"
    assert read(tagged(tmp_path / "g", pictures, lawn=lettering)).back.still == "crowd"


def test_the_background_is_of_another_shot(tmp_path):
    pictures = {"doll": doll()[0], "twin": landscape(seed=1), "lawn": landscape(seed=2)}
    assert read(tagged(tmp_path / "f", pictures, twin={"shot": 1}, lawn={"lettering": (FACE,)})).back.still == "lawn"


def test_lettering_does_not_come_along(tmp_path):
    folder = tagged(tmp_path / "f", {"doll": doll()[0], "lawn": landscape()}, doll={"lettering": (FACE,)})
    found = read(folder)
    assert found.subject is None and found.front.still == "doll" and found.front.lettering == (FACE,)


def test_refused_stills_are_not_used(tmp_path):
    folder = tagged(tmp_path / "f", {"doll": doll()[0], "lawn": landscape()}, doll={"refused": "blurred"})
    assert read(folder).front.still == "lawn"
    with pytest.raises(CatalogError, match="no accepted still"):
        read(tagged(tmp_path / "g", {"doll": doll()[0]}, doll={"refused": "blurred"}))


def test_no_clear_subject_leaves_crops_unless_a_background_was_given(tmp_path, lawn_file):
    folder = tagged(tmp_path / "f", {"a": landscape(), "b": np.full((360, 640, 3), 90, np.uint8)})
    found = read(folder)
    assert found.subject is None and found.front.still == "a"
    with pytest.raises(InputError, match="No still of"):
        read(folder, lawn_file)


@pytest.mark.parametrize("name", ["empty", "no.jpg"])
def test_what_is_neither(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"give the folder of a tagged film, or a picture|Cannot read"):
        read(tmp_path / name)


def test_a_still_that_is_gone(tmp_path):
    folder = tagged(tmp_path / "f", {"doll": doll()[0], "lawn": landscape()})
    (folder / "stills/doll.jpg").unlink()
    with pytest.raises(InputError, match=r"doll\.jpg"):
        read(folder)


def test_a_background_that_is_a_folder(doll_file, tmp_path):
    with pytest.raises(InputError, match="is a folder; give a picture"):
        read(doll_file, tmp_path)
