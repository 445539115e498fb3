"""A catalogue held against what choosing needs: what is missing, and what is broken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from keyart import Catalog
from keyart.catalog import Artwork, Title, folded_kind, kind_of
from keyart.model import is_misleading
from keyart_tools.vocabulary import KINDS

from .artwork_files import picture_hash, picture_problem
from .import_issues import listed
from .tagged_folder import is_local

NOT_SHARED = frozenset({"type"})  # kinds that can never be on both sides
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class CatalogFinding:
    """Something to know about a catalogue.

    Attributes:
        check: Name of the check, such as "missing-picture".
        broken: True if it must be repaired before delivery.
        what: A sentence.
        ids: Ids of the titles or artworks that it concerns, or kinds of tags.
    """

    check: str
    broken: bool
    what: str
    ids: tuple[str, ...]


def check_catalog(catalog: Catalog, folder: Path, tell: Tell = lambda done, of: None) -> list[CatalogFinding]:
    """Return the findings, broken ones first.

    Args:
        catalog: The catalogue.
        folder: Folder that the paths of its pictures are relative to.
        tell: Called with the number of titles done and their number in all.
    """
    findings = [*_pictures(catalog, folder, tell), *_titles(catalog), *_artworks(catalog), *_kinds(catalog)]
    return sorted(findings, key=lambda finding: not finding.broken)


def _finding(check: str, what: str, ids: list[str], broken: bool = False) -> Iterator[CatalogFinding]:
    if ids:
        yield CatalogFinding(check, broken, what.format(count=f"{len(ids):,}"), tuple(ids))


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
    yield from _finding(
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


def _titles(catalog: Catalog) -> Iterator[CatalogFinding]:
    def ids(of: Callable[[Title], bool]) -> list[str]:
        return [title.id for title in catalog if of(title)]

    yield from _finding("no-tags", "{count} titles have no tag.", ids(lambda title: not title.tags))
    yield from _finding(
        "no-genre",
        "{count} titles have no genre, so that nothing about them is learned from other titles.",
        ids(lambda title: bool(title.tags) and not any(kind_of(tag) == "genre" for tag in title.tags)),
    )
    yield from _finding(
        "no-duration",
        "{count} titles have no duration; a play of them counts from 15 minutes on, however short they are.",
        ids(lambda title: not title.duration),
    )
    yield from _finding(
        "one-artwork", "{count} titles have one artwork, so there is nothing to choose.",
        ids(lambda title: len(title.artworks) == 1),
    )  # fmt: skip


def _artworks(catalog: Catalog) -> Iterator[CatalogFinding]:
    def ids(of: Callable[[Title, Artwork], bool]) -> list[str]:
        return [artwork.id for title in catalog for artwork in title.artworks if of(title, artwork)]

    yield from _finding(
        "untagged-artwork",
        "{count} artworks have no tag, or only their type; tag them, so that one title teaches about another.",
        ids(lambda _, artwork: not any(kind_of(tag) not in NOT_SHARED for tag in artwork.tags)),
    )
    yield from _finding(
        "unrated-artwork",
        "{count} artworks have no age rating, and no child's profile shows them.",
        ids(lambda _, artwork: not artwork.maturity),
    )
    yield from _finding(
        "misleading-artwork",
        "{count} artworks promise a genre or an actor that their title does not have, and are not shown.",
        ids(is_misleading),
    )


def _kinds(catalog: Catalog) -> Iterator[CatalogFinding]:
    on_titles = {folded_kind(tag) for title in catalog for tag in title.tags}
    on_artworks = {folded_kind(tag) for title in catalog for artwork in title.artworks for tag in artwork.tags}
    if not on_titles & on_artworks:
        yield CatalogFinding(
            "no-shared-kind",
            False,
            "Titles and artworks share no kind of tags, so that no taste for titles says anything about pictures; "
            "give artworks the genres, moods or actors that they show.",
            (),
        )
    unknown = sorted((on_titles | on_artworks) - set(KINDS))
    yield from _finding(
        "unknown-kind",
        f"{{count}} kinds of tags are not in the vocabulary ({listed(unknown)}); a model learns them all the same.",
        unknown,
    )
    one_sided = sorted(
        kind
        for kind in on_titles ^ on_artworks
        if kind in KINDS and KINDS[kind].on_titles and KINDS[kind].on_artworks
    )
    yield from _finding(
        "one-sided-kind",
        "{count} kinds of tags are only on titles or only on artworks, though both may carry them: "
        f"{listed(one_sided)}.",
        one_sided,
    )
