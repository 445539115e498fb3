"""The folder that `keyart tag` writes: its catalogue, with paths as another catalogue needs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from keyart import Catalog
from keyart.catalog import Artwork, Title
from keyart.errors import CatalogError

from .artwork_files import picture_problem, relative_path
from .import_issues import ImportIssues

CATALOG = "catalog.json"


def read_tagged(folder: Path, base: Path, issues: ImportIssues) -> Iterator[tuple[Path, Title]]:
    """Yield the titles of a folder's catalogue, each with the catalogue's path; `base` is as in `read_films`."""
    path = folder / CATALOG
    try:
        catalog = Catalog.load(path)
    except CatalogError as error:
        issues.of(path).broken(str(error).removeprefix(f"{path}: "))
        return
    for title in catalog:
        artworks = []
        for artwork in title.artworks:
            problem = picture_problem(folder / artwork.image) if is_local(artwork.image) else ""
            if problem:
                issues.of(path).broken(f"Artwork {artwork.id!r}: {problem}")
            else:
                artworks.append(moved(artwork, folder, base))
        if artworks:
            yield path, replace(title, artworks=artworks)
        else:
            issues.of(path).broken(f"Title {title.id!r} has no picture left and was left out.")


def is_local(image: str) -> bool:
    """Return True if an artwork's image is a path of a file, not empty and no address."""
    return bool(image) and "://" not in image


def moved(artwork: Artwork, before: Path, base: Path) -> Artwork:
    """Return the artwork with its path relative to `base` instead of `before`; addresses stay."""
    if not is_local(artwork.image) or Path(artwork.image).is_absolute() or before.resolve() == base.resolve():
        return artwork
    return replace(artwork, image=relative_path(before / artwork.image, base))
