"""A catalogue held against what choosing needs: what is missing, and what is broken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from keyart import Catalog
from keyart_federated.catalog_findings import CatalogFinding, catalog_findings, finding, kinds_by_side
from keyart_tools.vocabulary import KINDS

from .artwork_files import picture_hash, picture_problem
from .import_issues import listed
from .tagged_folder import is_local

Tell = Callable[[int, int], None]


def check_catalog(catalog: Catalog, folder: Path, tell: Tell = lambda done, of: None) -> list[CatalogFinding]:
    """Return the findings, broken ones first.

    Args:
        catalog: The catalogue.
        folder: Folder that the paths of its pictures are relative to.
        tell: Called with the number of titles done and their number in all.
    """
    findings = [*_pictures(catalog, folder, tell), *catalog_findings(catalog), *_kinds(catalog)]
    return sorted(findings, key=lambda finding: not finding.broken)


def _pictures(catalog: Catalog, folder: Path, tell: Tell) -> Iterator[CatalogFinding]:
    problems: dict[str, list[str]] = defaultdict(list)
    by_size: dict[int, list[tuple[str, Path]]] = defaultdict(list)
    nameless = []
    for done, title in enumerate(catalog, 1):
        for artwork in title.artworks:
            if not artwork.image:
                nameless.append(artwork.id)
            elif is_local(artwork.image):
                path = folder / artwork.image
                if problem := picture_problem(path):
                    problems[problem].append(artwork.id)
                else:
                    by_size[path.stat().st_size].append((artwork.id, path))
        tell(done, len(catalog))
    for problem, ids in problems.items():
        missing = "missing" in problem
        yield CatalogFinding(
            "missing-picture" if missing else "unusable-picture",
            True,
            f"Files of pictures are missing below {folder}." if missing else problem,
            tuple(ids),
        )
    yield from finding(
        "no-picture", "{count} artworks name no picture; the app has to find it by their ids.", nameless
    )
    yield from _duplicates(by_size)


def _duplicates(by_size: Mapping[int, list[tuple[str, Path]]]) -> Iterator[CatalogFinding]:
    """Yield the pictures that are there twice; only files of the same size are read."""
    for same_size in by_size.values():
        by_hash: dict[str, list[str]] = defaultdict(list)
        if len(same_size) > 1:
            for artwork_id, path in same_size:
                by_hash[picture_hash(path)].append(artwork_id)
        for ids in by_hash.values():
            if len(ids) > 1:
                yield CatalogFinding("duplicate-picture", False, "These artworks are the same picture.", tuple(ids))


def _kinds(catalog: Catalog) -> Iterator[CatalogFinding]:
    on_titles, on_artworks = kinds_by_side(catalog)
    unknown = sorted((on_titles | on_artworks) - set(KINDS))
    yield from finding(
        "unknown-kind",
        f"{{count}} kinds of tags are not in the vocabulary ({listed(unknown)}); a model learns them all the same.",
        unknown,
    )
    one_sided = sorted(
        kind
        for kind in on_titles ^ on_artworks
        if kind in KINDS and KINDS[kind].on_titles and KINDS[kind].on_artworks
    )
    yield from finding(
        "one-sided-kind",
        "{count} kinds of tags are only on titles or only on artworks, though both may carry them: "
        f"{listed(one_sided)}.",
        one_sided,
    )
