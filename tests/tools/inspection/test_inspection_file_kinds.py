"""What a path is, is told by what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from support.training import fitted, log, world

from keyart.errors import InputError, KeyartError
from keyart_federated.export import write_bundle
from keyart_tools.inspection import KINDS, kind_at
from keyart_tools.tagging.colour import Colours
from keyart_tools.tagging.film import FilmFile
from keyart_tools.tagging.still import Still
from keyart_tools.tagging.tagging_file import Tagging


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of most kinds, under names that do not tell."""
    folder = tmp_path_factory.mktemp("things")
    file = fitted().file
    file.save(folder / "model")
    log().save(folder / "log")
    world().catalog.save(folder / "catalog")
    write_bundle(folder / "bundle", file.model, file.names, data="d", training={"round": 1, "devices": 1})
    Image.new("RGB", (64, 48), "red").save(folder / "picture", "PNG")
    return folder


@pytest.mark.parametrize("name", ["model", "log", "catalog", "bundle", "picture"])
def test_kind_and_document(things: Path, name: str) -> None:
    kind = kind_at(things / name)
    document = kind.document(things / name)

    assert kind.name == document["kind"] == name
    assert kind.tables(document)


def test_figures(things: Path) -> None:
    def document(name: str) -> dict[str, object]:
        return KINDS[name].document(things / name)

    assert document("picture") | {"width": 64, "height": 48, "format": "PNG"} == document("picture")
    assert document("log")["decisions"] == 1500 and document("log")["titles_with_one_picture_only"] == 0
    assert document("model")["data"] == document("log")["data"] == fitted().file.data
    assert document("model")["weights"].keys() == document("bundle")["weights"].keys()
    assert "viewer 1" not in str(document("log"))  # nobody in particular


def test_digital_source_type(things: Path) -> None:
    code = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><t Iptc4xmpExt:DigitalSourceType="{code}"/></x:xmpmeta>'
    Image.new("RGB", (8, 8)).save(things / "flagged.jpg", xmp=xmp.encode())

    assert KINDS["picture"].document(things / "flagged.jpg")["digital_source_type"] == "compositeSynthetic"


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing at"):
        kind_at(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "head", [b"PK\x03\x04", b"SQLite format 3\0", b"\xff\xd8\xff", b"RIFF", b'{"format": "keyart-log/9"}', b""]
)
def test_a_head_without_the_rest(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "torn").write_bytes(head + b" torn off")
    with pytest.raises(KeyartError):
        kind_at(tmp_path / "torn").document(tmp_path / "torn")


@pytest.mark.parametrize("name", ["tagging.json", "manifest.json"])
def test_a_folder_with_a_damaged_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{")
    with pytest.raises(KeyartError):
        kind_at(tmp_path).document(tmp_path)


def test_a_tagging_folder(tmp_path: Path) -> None:
    colours = Colours(50.0, 20.0, 10.0, 0.2, (("#aabbcc", 1.0),))
    stills = [
        Still("0001", 1, 2.5, 60, "stills/0001.jpg", 640, 360, 9.0, 0.1, colours, tags={"faces": 0.5}, selected=1),
        Still("0002", 2, 4.0, 96, "stills/0002.jpg", 640, 360, 1.0, 0.1, colours, refused="blurred"),
    ]
    film = FilmFile(Path("film.mp4"), 1000, 1, "ab", 60.0, 1440, 24.0)
    Tagging(film, "t1", "A film", stills=tuple(stills)).save(tmp_path)

    kind = kind_at(tmp_path)
    document = kind.document(tmp_path)
    assert (document["kind"], document["candidates"], document["refused"]) == ("tagging", 2, {"blurred": 1})
    assert [one["image"] for one in document["selected"]] == ["stills/0001.jpg"]
    assert kind.tables(document)
