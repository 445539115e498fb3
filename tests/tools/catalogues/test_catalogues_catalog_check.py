"""Each check of a catalogue finds what it looks for, and nothing in a catalogue that lacks nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.catalogues import picture

from keyart import Artwork, Catalog, Title
from keyart_tools.catalogues import CatalogFinding, check_catalog


def artwork(name: str, **more: object) -> Artwork:
    tags = {"genre:drama": 1.0, "palette:warm": 1.0}
    return replace(Artwork(f"t/{name}", tags=tags, image=f"{name}.jpg", maturity="13+"), **more)


TITLE = Title("t", "T", 6000, {"genre:drama": 1.0, "palette:warm": 1.0}, [artwork("a"), artwork("b")])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "ab":
        picture(tmp_path / f"{name}.jpg")
    return tmp_path


def findings(folder: Path, **more: object) -> dict[str, CatalogFinding]:
    found = check_catalog(Catalog.from_titles([replace(TITLE, **more)]), folder)
    return {finding.check: finding for finding in found}


def test_nothing_to_find(folder: Path) -> None:
    assert findings(folder) == {}


@pytest.mark.parametrize(
    ("check", "more"),
    [
        ("missing-picture", {"artworks": [artwork("a"), artwork("gone")]}),
        ("no-picture", {"artworks": [artwork("a"), artwork("b", image="")]}),
        ("no-tags", {"tags": {}}),
        ("no-genre", {"tags": {"palette:warm": 1.0}}),
        ("no-duration", {"duration": 0.0}),
        ("one-artwork", {"artworks": [artwork("a")]}),
        ("untagged-artwork", {"artworks": [artwork("a"), artwork("b", tags={"type:poster": 1.0})]}),
        ("unrated-artwork", {"artworks": [artwork("a"), artwork("b", maturity="")]}),
        ("misleading-artwork", {"artworks": [artwork("a"), artwork("b", tags={"genre:war": 1.0})]}),
        ("no-shared-kind", {"artworks": [artwork("a", tags={"faces": 1}), artwork("b", tags={"faces": 1})]}),
        ("unknown-kind", {"tags": {**TITLE.tags, "sparkle:yes": 1.0}}),
        ("one-sided-kind", {"tags": {**TITLE.tags, "mood:sad": 1.0}}),
    ],
)
def test_each_check(folder: Path, check: str, more: dict[str, object]) -> None:
    found = findings(folder, **more)

    assert check in found
    assert [finding.check for finding in found.values() if finding.broken] == (
        [check] if check == "missing-picture" else []
    )


def test_unusable_and_duplicate_pictures(folder: Path) -> None:
    (folder / "b.jpg").write_bytes((folder / "a.jpg").read_bytes())
    assert findings(folder)["duplicate-picture"].ids == ("t/a", "t/b")

    (folder / "b.jpg").write_bytes(b"<html>")
    assert findings(folder)["unusable-picture"].ids == ("t/b",)
