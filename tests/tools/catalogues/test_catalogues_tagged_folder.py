"""Folders that `keyart tag` wrote, alone and among films."""

from __future__ import annotations

from pathlib import Path

from support.catalogues import nfo, picture

from keyart import Artwork, Catalog, Title
from keyart_tools.catalogues import import_catalog


def tagged(folder: Path, title_id: str) -> None:
    artworks = [Artwork(f"{title_id}/{n}", tags={"shot:wide": 1.0}, image=f"stills/{n}.jpg") for n in (1, 2)]
    picture(folder / "stills" / "1.jpg")
    Catalog.from_titles([Title(title_id, "Tagged", 600, artworks=artworks)]).save(folder / "catalog.json")
    (folder / "tagging.json").write_text("{}")


def test_titles_come_with_paths_from_the_new_catalogue_and_missing_stills_are_named(library: Path, film) -> None:
    film("Film", nfo(title="Film"))
    tagged(library / "Tagged", "t1")

    result = import_catalog([library], library.parent)
    assert [title.name for title in result.catalog] == ["Film", "Tagged"]
    assert [a.image for a in result.catalog["t1"].artworks] == ["library/Tagged/stills/1.jpg"]
    assert "t1/2" in result.issues.broken[0].what and len(result.issues.broken) == 1
    assert dict(result.by_kind) == {"nfo": 1, "tagged": 1}


def test_damaged_catalogue_is_named(library: Path, film) -> None:
    film("Film", nfo(title="Film"))
    tagged(library / "Tagged", "t1")
    (library / "Tagged" / "catalog.json").write_text("{")

    result = import_catalog([library], library.parent)
    assert [title.name for title in result.catalog] == ["Film"] and len(result.issues.broken) == 1
