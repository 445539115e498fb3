"""The contact sheet as JPEG and as HTML."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keyart import Artwork, Title
from keyart.errors import InputError
from keyart_tools.catalogues.artwork_sheet import WIDTH, write_artwork_sheet

COLOUR = (200, 30, 40)


@pytest.fixture
def titles(tmp_path: Path) -> list[Title]:
    Image.new("RGB", (600, 900), COLOUR).save(tmp_path / "a b#.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    artworks = [
        Artwork("t/a", tags={"genre:drama": 1.0, "faces": 0.5}, image="a b#.jpg", maturity="13+"),
        Artwork("t/b", image="broken.jpg", spoiler=True),
        Artwork("t/c", image="https://example.org/<c>.jpg", synthetic=True),
        Artwork("t/d", image="gone.jpg"),
        Artwork("t/e"),
    ]
    return [Title("t", "<Night> Ferry 夜", 6240, {"genre:drama": 1.0}, artworks)]


def test_jpeg_shows_the_picture(titles: list[Title], tmp_path: Path) -> None:
    write_artwork_sheet(titles, tmp_path, tmp_path / "sheet.jpg", "One title")

    sheet = Image.open(tmp_path / "sheet.jpg")
    assert sheet.format == "JPEG" and sheet.width == WIDTH
    apart = np.abs(np.asarray(sheet).astype(int) - COLOUR).sum(axis=2)
    assert (apart < 20).sum() > 20_000  # the poster takes 140 by 210 pixels, some of them under its badge


def test_html_names_everything_and_escapes_it(titles: list[Title], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_artwork_sheet(titles, tmp_path, tmp_path / "out" / "sheet.html", "One title")

    page = (tmp_path / "out" / "sheet.html").read_text(encoding="utf-8")
    assert 'src="../a%20b%23.jpg"' in page and "&lt;Night&gt; Ferry 夜" in page and "<c>" not in page
    assert [word in page for word in ("13+", "spoiler", "synthetic", "unrated", "104 min", "faces 0.5")] == [True] * 6
    assert 'src="http' not in page  # nothing is fetched by looking


def test_too_many_titles_for_a_jpeg(titles: list[Title], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--limit"):
        write_artwork_sheet(titles * 300, tmp_path, tmp_path / "sheet.jpg", "Many")
    assert not (tmp_path / "sheet.jpg").exists()


def test_without_pillow_it_says_what_to_install(titles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def no_pillow(name: str, *args: object, **kwargs: object) -> object:
        if name == "PIL":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_pillow)
    with pytest.raises(InputError, match=r"keyart\[tagging\]"):
        write_artwork_sheet(titles, tmp_path, tmp_path / "sheet.jpg", "One title")
    write_artwork_sheet(titles, tmp_path, tmp_path / "sheet.html", "One title")


def test_any_other_suffix_is_refused(titles: list[Title], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sheet\.html"):
        write_artwork_sheet(titles, tmp_path, tmp_path / "sheet.gif", "One title")
