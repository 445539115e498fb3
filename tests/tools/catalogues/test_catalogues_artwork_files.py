"""Names of pictures, and their first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyart_tools.catalogues.artwork_files import (
    FOLDERS,
    ORDER,
    PIECES,
    PLAIN_TYPES,
    TYPES,
    ArtworkName,
    artwork_name,
    picture_problem,
)
from keyart_tools.vocabulary import ARTWORK_TYPES


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("poster", ArtworkName("", "poster", "poster", 0)),
        ("Poster", ArtworkName("", "poster", "poster", 0)),
        ("fanart12", ArtworkName("", "backdrop", "fanart12", 12)),
        ("backdrop-2", ArtworkName("", "backdrop", "backdrop2", 2)),
        ("X-Men-poster", ArtworkName("X-Men", "poster", "poster", 0)),
        ("X-Men-fanart1", ArtworkName("X-Men", "backdrop", "fanart1", 1)),
        ("夜の船-landscape", ArtworkName("夜の船", "landscape", "landscape", 0)),
        ("folder", ArtworkName("", "poster", "folder", 0)),
        ("X-folder", None),
        ("holiday", None),
        ("posters", None),
    ],
)
def test_names(stem: str, name: ArtworkName | None) -> None:
    assert artwork_name(stem) == name


@pytest.mark.parametrize("stem", ["clearlogo", "X-Men-logo", "disc", "season01-poster", "season-all-fanart"])
def test_pieces_and_seasons_are_no_artworks(stem: str) -> None:
    assert PIECES.fullmatch(stem)


def test_types_are_those_of_the_vocabulary() -> None:
    assert {*TYPES.values(), *PLAIN_TYPES.values(), *FOLDERS.values()} == set(ORDER) == ARTWORK_TYPES


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff\xd8\xff\xe0", ""), (b"\x89PNG\r\n\x1a\n", ""), (b"RIFF\0\0\0\0WEBPVP8 ", ""),
        (b"\0\0\0\x1cftypavif", ""), (b"", "0 bytes"), (b"<html>", "no JPEG"), (None, "missing"),
    ],
)  # fmt: skip
def test_first_bytes(tmp_path: Path, data: bytes | None, problem: str) -> None:
    if data is not None:
        (tmp_path / "a.jpg").write_bytes(data)

    found = picture_problem(tmp_path / "a.jpg")
    assert problem in found and bool(problem) == bool(found)
    assert "cannot be read" in picture_problem(tmp_path)
