"""A real film on the page: tagged in a process of its own, and its absence is no failure."""

from __future__ import annotations

import time
from pathlib import Path

import av
import numpy as np
import pytest

from keyart.catalog import Catalog
from keyart_tools.demo import real_film
from keyart_tools.demo.page.page_html import Gallery
from keyart_tools.demo.page.page_model import Candidate, Choice
from keyart_tools.demo.real_film import TITLE_ID, read_tagged_film, tag_film, tag_in_background


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Three shots of coloured blocks, a second each."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for shot in range(3):
            blocks = np.random.default_rng(shot).integers(40, 230, (9, 16, 3), dtype=np.uint8)
            picture = np.kron(blocks, np.ones((40, 40, 1), np.uint8))
            for _ in range(25):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(autouse=True)
def _nothing_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No film and no models in the cache, and an index that is not there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")


def test_its_stills_are_the_title_s_artworks(clip: Path, tmp_path: Path) -> None:
    tag_film(clip, tmp_path / "film")
    shown = read_tagged_film(tmp_path / "film")

    assert shown.title.id == TITLE_ID and shown.title.tags["genre:animation"] > 0
    assert {artwork.id for artwork in shown.title.artworks} == set(shown.photographs)
    assert all(photograph.startswith(b"\xff\xd8") for photograph in shown.photographs.values())
    assert "Blender" in shown.licence
    Catalog.from_titles([shown.title])  # it fits beside others


def test_without_a_network_there_is_a_page_without_it(tmp_path: Path) -> None:
    heard: list[str] = []
    with tag_in_background(tmp_path / "film", heard.append) as stills:
        assert stills() is None
    assert len(heard) == 1 and "no real film" in heard[0] and "moviepy" in heard[0]


def test_nobody_waits_for_it_when_the_demo_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 100\n")
    slow.chmod(0o755)
    monkeypatch.setattr(real_film.sys, "executable", str(slow))
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError), tag_in_background(tmp_path / "film", print):
        _ = 1 / 0
    assert time.monotonic() - began < 30


def test_the_page_shows_the_photograph() -> None:
    candidates = (Candidate("t/a", {"genre:drama": 1.0}, 0.5, photograph=b"\xff\xd8jpeg"), Candidate("t/b", {}, 0.5))
    choice = Choice("t", "Film 1", "", {}, candidates, 0, 1, ())
    gallery = Gallery()
    for candidate in candidates:
        gallery.add(choice, candidate)

    assert "data:image/jpeg;base64,/9hqcGVn" in gallery.rules[0]
    assert "data:image/svg+xml" in gallery.rules[1]
    assert gallery.photographs == 1
