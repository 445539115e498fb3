"""A library on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.catalogues import picture

MakeFilm = Callable[..., Path]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    return folder


@pytest.fixture
def film(library: Path) -> MakeFilm:
    """Make a film in a folder of its own."""

    def make(
        folder: str, text: str | bytes, pictures: Sequence[str] = ("poster.jpg",), name: str = "movie.nfo"
    ) -> Path:
        path = library / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        for file in pictures:
            picture(path.parent / file)
        return path

    return make
