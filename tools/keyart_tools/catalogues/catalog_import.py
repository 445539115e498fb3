"""The import: titles of several sources of any kind, each id once, with all that could not be used."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from keyart import Catalog
from keyart.catalog import Title, quoted
from keyart.errors import CatalogError

from .csv_catalog import read_csv
from .import_issues import ImportIssues, shown
from .library_folder import read_films, walk_library
from .tagged_folder import read_tagged
from .tmdb_json import SUFFIXES, is_details, read_tmdb

Kind = Literal["nfo", "csv", "tmdb"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CSV_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})

Found = Iterator[tuple[Path, Title]]
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The catalogue of an import.

    Attributes:
        catalog: The titles, in the order in which they were read; None if there is none.
        issues: What could not be used.
        by_kind: Number of titles by kind of source.
    """

    catalog: Catalog | None
    issues: ImportIssues
    by_kind: Counter[str]


def import_catalog(
    sources: Sequence[Path],
    base: Path,
    kind: Kind | None = None,
    look: bool = True,
    tell: Tell = lambda done, of: None,
) -> ImportResult:
    """Read the titles of sources.

    Args:
        sources: Folders of films with NFO files, folders that `keyart tag` wrote, tables, and answers of TMDB.
        base: Folder that the paths of pictures are relative to: the catalogue's own.
        kind: Kind of the sources; None to go by their names and contents.
        look: False to take the names of a table's pictures as they are, without looking for the files.
        tell: Called with the number of folders or files that were read, and their number in all.

    Raises:
        CatalogError: A source does not exist, or holds nothing of any kind.
    """
    issues = ImportIssues()
    readers = [reader for source in sources for reader in _readers(source, base, kind, look, issues)]
    by_kind: Counter[str] = Counter()
    titles: dict[str, tuple[Path, Title]] = {}
    owners: dict[str, str] = {}  # of artworks, by id
    for done, (name, path, read) in enumerate(readers, 1):
        try:
            for found, title in read():
                if _is_new(title, found, titles, owners, issues):
                    titles[title.id] = (found, title)
                    owners |= {artwork.id: title.id for artwork in title.artworks}
                    by_kind[name] += 1
        except CatalogError as error:
            issues.of(path).broken(str(error).removeprefix(f"{path}: "))
        tell(done, len(readers))
    catalog = Catalog.from_titles(title for _, title in titles.values()) if titles else None
    return ImportResult(catalog, issues, by_kind)


def _is_new(
    title: Title, path: Path, titles: dict[str, tuple[Path, Title]], owners: dict[str, str], issues: ImportIssues
) -> bool:
    own = issues.of(path)
    if title.id in titles:
        other = titles[title.id][0]
        own.broken(f"Its id {quoted(title.id)} is that of {shown(other)}, which was kept; give each film its own.")
        return False
    for artwork in title.artworks:
        if artwork.id in owners:
            own.broken(f"Artwork {quoted(artwork.id)} belongs to title {quoted(owners[artwork.id])} already.")
            return False
    return True


_Reader = tuple[str, Path, Callable[[], Found]]


def _readers(source: Path, base: Path, kind: Kind | None, look: bool, issues: ImportIssues) -> Iterator[_Reader]:
    """Yield the name of the kind, the path and the reader of each folder or file of a source."""
    if source.is_dir():
        yield from _of_folder(source, base, kind, issues)
    elif not source.exists():
        raise CatalogError(f"There is nothing at {shown(source)}; name a folder of films, a table or a JSON file.")
    elif kind == "csv" or (kind is None and source.suffix.lower() in CSV_SUFFIXES):
        yield "csv", source, lambda: read_csv(source, base, look, issues)
    elif kind == "tmdb" or (kind is None and source.suffix.lower() in SUFFIXES):
        yield "tmdb", source, lambda: read_tmdb(source, base, issues)
    else:
        raise CatalogError(
            f"{shown(source)} is neither a folder of films nor a table (.csv, .tsv) nor JSON of TMDB (.json, "
            ".jsonl); say what it is with --kind."
        )


def _of_folder(source: Path, base: Path, kind: Kind | None, issues: ImportIssues) -> Iterator[_Reader]:
    folders = [] if kind in ("csv", "tmdb") else walk_library(source, issues)
    for folder in folders:
        if folder.tagged:
            yield "tagged", folder.path, lambda path=folder.path: read_tagged(path, base, issues)  # type: ignore[misc]
        if folder.nfo_files:
            yield "nfo", folder.path, lambda own=folder: read_films(own, source, base, issues)  # type: ignore[misc]
    if folders or kind == "nfo":
        if not folders:
            raise CatalogError(f"{shown(source)} holds no NFO file (movie.nfo, tvshow.nfo, NAME.nfo).")
        return
    suffixes = CSV_SUFFIXES - {".txt"} if kind == "csv" else SUFFIXES
    files = sorted(path for path in source.iterdir() if path.suffix.lower() in suffixes and path.is_file())
    if kind is None:
        files = [path for path in files if _looks_like_tmdb(path)]
    if not files:
        raise CatalogError(
            f"{shown(source)} holds no film: no NFO file, no folder of `keyart tag`, and no JSON of TMDB."
        )
    for path in files:
        if kind == "csv":
            yield "csv", path, lambda own=path: read_csv(own, base, True, issues)  # type: ignore[misc]
        else:
            yield "tmdb", path, lambda own=path: read_tmdb(own, base, issues)  # type: ignore[misc]


def _looks_like_tmdb(path: Path) -> bool:
    """Return False for JSON that is whole and holds something else, so that broken files are named."""
    if path.suffix.lower() != ".json":
        return True
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError, OSError):
        return True
    return any(map(is_details, document if isinstance(document, list) else [document]))
