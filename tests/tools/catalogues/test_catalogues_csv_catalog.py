"""Tables: columns, delimiters, encodings, and rows that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.catalogues import picture

from keyart.errors import CatalogError
from keyart_tools.catalogues import ImportResult, import_catalog

HEADER = "title_id,title,runtime,genres,image,artwork_tags,maturity,spoiler\n"


def imported(path: Path, text: str | bytes, look: bool = False) -> ImportResult:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_catalog([path], path.parent, look=look)


def test_row_an_artwork(tmp_path: Path) -> None:
    rows = "t1,Night Ferry,104,Sci-Fi|Drama,a.jpg,genre:drama=0.7 | faces,13+,\nt1,,,,b.jpg,,,yes\nt2,B,,,c.jpg,,,\n"
    result = imported(tmp_path / "t.csv", HEADER + rows)

    first, second = result.catalog
    assert (first.name, first.duration, set(first.tags)) == (
        "Night Ferry", 6240.0, {"genre:science-fiction", "genre:drama"},
    )  # fmt: skip
    assert [(a.id, a.image, dict(a.tags), a.maturity, a.spoiler) for a in first.artworks] == [
        ("t1/a", "a.jpg", {"genre:drama": 0.7, "faces": 1.0}, "13+", False),
        ("t1/b", "b.jpg", {}, "", True),
    ]
    assert second.id == "t2" and not result.issues.broken


@pytest.mark.parametrize(
    "text",
    [
        "Title;Image\nCafé;a.jpg\n".encode("utf-8-sig"),
        "title\timage\nCafé\ta.jpg\n".encode("utf-16"),
        b"\n\nname,picture\r\nCaf\xc3\xa9,a.jpg\r\n",
    ],
)
def test_delimiters_and_encodings(tmp_path: Path, text: bytes) -> None:
    result = imported(tmp_path / "t.csv", text)

    assert [title.name for title in result.catalog] == ["Café"] and not result.issues.broken


def test_windows_1252_is_read_and_named(tmp_path: Path) -> None:
    result = imported(tmp_path / "t.csv", "title,image\nA,a.jpg\nCafé,b.jpg\n".encode("cp1252"))

    assert [title.name for title in result.catalog] == ["A", "Café"]
    assert [issue.line for issue in result.issues.broken] == [3]


@pytest.mark.parametrize(
    ("row", "also"),
    [
        ('t2,"B,,,b.jpg,,,', "quote"),
        ("t2,B,long,,b.jpg,,,", "minutes"),
        ("t2,B,,,b.jpg,genre:drama=much,,", "weight"),
        ("t2,B,,,b.jpg,,,perhaps", "yes or no"),
        ("t2,B,,,b.jpg,,,,more", "cells"),
        (",,,,b.jpg,,,", "neither"),
        ("t2,B,,,,,,", "no artwork"),
        ("t1,,,,a.jpg,,,\nt2,B,,,b.jpg,,,", "second artwork"),
        (f"t2,{'x' * 2000},,,b.jpg,,,", "characters"),
        (f"t2,{'x' * 200_000},,,b.jpg,,,", "field"),
        ("t1,Other,,,b.jpg,,,", "contradicts"),
        ("t2,\x00B,,,b.jpg,,,", "control"),
    ],
)
def test_broken_rows_are_named_by_line_and_the_rest_is_imported(tmp_path: Path, row: str, also: str) -> None:
    result = imported(tmp_path / "t.csv", f"{HEADER}t1,A,,,a.jpg,,,\n{row}\nt3,C,,,c.jpg,,,\n")

    assert {"A", "C"} <= {title.name for title in result.catalog}
    assert [issue.line for issue in result.issues.broken] == [3]
    assert also in result.issues.broken[0].what


def test_missing_pictures_are_named_unless_told_not_to_look(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    text = "title,image\nA,a.jpg\nA,gone.jpg\nA,https://example.org/b.jpg\n"

    looked = imported(tmp_path / "t.csv", text, look=True)
    assert [len(title.artworks) for title in looked.catalog] == [2]
    assert [issue.line for issue in looked.issues.broken] == [3]
    assert [len(title.artworks) for title in imported(tmp_path / "t.csv", text).catalog] == [3]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00\x01"])
def test_what_is_no_table_is_named(tmp_path: Path, text: str) -> None:
    result = imported(tmp_path / "t.csv", text)

    assert result.catalog is None and len(result.issues.broken) == 1


def test_unknown_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="--kind"):
        imported(tmp_path / "t.xls", "title,image\n")
