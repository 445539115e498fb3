"""Sources of several kinds as one catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.catalogues import nfo

from keyart.errors import CatalogError
from keyart_tools.catalogues import import_catalog


def test_several_sources_and_an_id_that_two_of_them_have(library: Path, film, tmp_path: Path) -> None:
    film("A", nfo(title="A"))
    table = tmp_path / "t.csv"
    table.write_text("title_id,image\nA,a.jpg\nB,b.jpg\n")

    told: list[tuple[int, int]] = []
    result = import_catalog([library, table], tmp_path, look=False, tell=lambda done, of: told.append((done, of)))
    assert [title.id for title in result.catalog] == ["A", "B"]
    assert [Path(issue.file).name for issue in result.issues.broken] == ["t.csv"]
    assert (dict(result.by_kind), told) == ({"nfo": 1, "csv": 1}, [(1, 2), (2, 2)])


def test_artwork_of_another_title_is_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text(f"title_id,artwork_id\n{name},same\n")

    result = import_catalog([tmp_path / "one.csv", tmp_path / "two.csv"], tmp_path)
    assert [title.id for title in result.catalog] == ["one"] and "belongs to" in result.issues.broken[0].what


@pytest.mark.parametrize("kind", [None, "nfo", "csv", "tmdb"])
def test_folder_without_anything(tmp_path: Path, kind) -> None:
    (tmp_path / "settings.json").write_text('{"a": 1}') if kind is None else None
    with pytest.raises(CatalogError, match="holds no"):
        import_catalog([tmp_path], tmp_path, kind)


def test_catalogue_of_keyart_is_not_imported_again(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"format": "keyart-catalog/1", "titles": []}')

    result = import_catalog([tmp_path / "c.json"], tmp_path)
    assert result.catalog is None and "merge" in result.issues.broken[0].what
