"""Pictures on the disk, and their artwork in the catalogue."""

import json

import pytest
from support.pictures import doll, landscape, tagged

from keyart import Catalog
from keyart.errors import SettingError
from keyart_tools.compose import output
from keyart_tools.compose.composer import ComposedPicture, Composition
from keyart_tools.compose.credentials import Ingredient
from keyart_tools.compose.output import check_folder, record, with_artwork, write
from keyart_tools.compose.sources import read_sources
from keyart_tools.models import Models

PARTS = (Ingredient("subject", "a.jpg", "ab" * 32), Ingredient("background", "b.jpg", "cd" * 32))
TWO = (ComposedPicture("tv", 1280, 720, 5.0, b"one"), ComposedPicture("poster", 800, 1200, None, b"two"))
COMPOSITION = Composition(TWO, {"phone": "why"}, True, "compositeCapture", PARTS)


def test_pictures_and_record(tmp_path):
    document = record(COMPOSITION, "A Film", "CC BY")
    write(tmp_path / "out", COMPOSITION, document)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["composed.json", "poster.jpg", "tv.jpg"]
    assert json.loads((tmp_path / "out/composed.json").read_text()) == document
    assert document["files"]["tv"] == {
        "file": "tv.jpg",
        "width": 1280,
        "height": 720,
        "bytes": 3,
        "title_contrast": 5.0,
    }
    assert document["synthetic"] and document["skipped"] == {"phone": "why"}


def test_what_was_there_stays_if_writing_fails(tmp_path):
    write(tmp_path, COMPOSITION, {"n": 1})
    with pytest.raises(TypeError):
        write(tmp_path, COMPOSITION, {"n": object()})
    assert json.loads((tmp_path / "composed.json").read_text()) == {"n": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["composed.json", "poster.jpg", "tv.jpg"]


def test_foreign_pictures_are_not_replaced(tmp_path):
    (tmp_path / "tv.jpg").write_bytes(b"holiday")
    with pytest.raises(SettingError, match="give --out another folder"):
        check_folder(tmp_path)
    check_folder(tmp_path / "nowhere")
    write(tmp_path / "own", COMPOSITION, {})
    check_folder(tmp_path / "own")


def test_shapes_of_an_earlier_composition_go(tmp_path):
    write(tmp_path, COMPOSITION, {})
    write(tmp_path, Composition(TWO[:1], {}, True, "compositeCapture", PARTS), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["composed.json", "tv.jpg"]


@pytest.fixture
def entry(tmp_path):
    folder = tagged(tmp_path / "f", {"doll": doll()[0], "lawn": landscape()})
    sources = read_sources(folder, None, Models(missing=(), licences={}), lambda done, of: None)
    catalog = Catalog.load(folder / "catalog.json")
    return catalog, with_artwork(catalog, sources.tagging, sources, COMPOSITION, "composed/tv.jpg")


def test_the_catalogue_gets_one_synthetic_artwork(entry):
    before, after = entry
    (artwork,) = [one for one in after["film"].artworks if one.id not in {a.id for a in before["film"].artworks}]
    assert artwork.synthetic and artwork.image == "composed/tv.jpg" and artwork.id.startswith("film/composed-")
    assert dict(artwork.tags) == {
        "shot:medium": 1.0,
        "faces": 0.5,
    }  # colours and motion were those of another picture
    assert artwork.maturity == "18+"  # its background has a rating, its subject has none
    assert after["other"] == before["other"] and len(after["film"].artworks) == len(before["film"].artworks) + 1


@pytest.mark.parametrize(
    ("parts", "whole"),
    [([], ""), ([""], ""), (["", ""], ""), (["6+", "FSK 12"], "FSK 12"), (["6+", ""], "18+"), (["PG-13", "R"], "R")],
)
def test_a_composition_is_rated_as_strictly_as_its_parts(parts, whole):
    assert output._strictest(parts) == whole


def test_the_same_composition_replaces_itself(entry, tmp_path):
    _, after = entry
    sources = read_sources(tmp_path / "f", None, Models(missing=(), licences={}), lambda done, of: None)
    assert with_artwork(after, sources.tagging, sources, COMPOSITION, "composed/tv.jpg") == after
