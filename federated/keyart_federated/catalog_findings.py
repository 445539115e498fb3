"""Findings about a catalogue: missing tags, ratings and durations, as far as the catalogue alone shows them. Pure.

`keyart catalog check` adds what the pictures' files show, and the server reports the findings of an upload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from keyart import Catalog
from keyart.catalog import Artwork, Title, folded_kind, kind_of
from keyart.model import is_misleading

NOT_SHARED = frozenset({"type"})  # kinds that can never be on both sides


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


def catalog_findings(catalog: Catalog) -> list[CatalogFinding]:
    """Return what titles, artworks and their tags lack; none of it must be repaired before delivery."""
    return [*_titles(catalog), *_artworks(catalog), *_shared_kinds(catalog)]


def finding(check: str, what: str, ids: list[str], broken: bool = False) -> Iterator[CatalogFinding]:
    """Yield a finding about these ids, with their number in the place of {count}; none if there are no ids."""
    if ids:
        yield CatalogFinding(check, broken, what.format(count=f"{len(ids):,}"), tuple(ids))


def _titles(catalog: Catalog) -> Iterator[CatalogFinding]:
    def ids(of: Callable[[Title], bool]) -> list[str]:
        return [title.id for title in catalog if of(title)]

    yield from finding("no-tags", "{count} titles have no tag.", ids(lambda title: not title.tags))
    yield from finding(
        "no-genre",
        "{count} titles have no genre, so that nothing about them is learned from other titles.",
        ids(lambda title: bool(title.tags) and not any(kind_of(tag) == "genre" for tag in title.tags)),
    )
    yield from finding(
        "no-duration",
        "{count} titles have no duration; a play of them counts from 15 minutes on, however short they are.",
        ids(lambda title: not title.duration),
    )
    yield from finding(
        "one-artwork", "{count} titles have one artwork, so there is nothing to choose.",
        ids(lambda title: len(title.artworks) == 1),
    )  # fmt: skip


def _artworks(catalog: Catalog) -> Iterator[CatalogFinding]:
    def ids(of: Callable[[Title, Artwork], bool]) -> list[str]:
        return [artwork.id for title in catalog for artwork in title.artworks if of(title, artwork)]

    yield from finding(
        "untagged-artwork",
        "{count} artworks have no tag, or only their type; tag them, so that one title teaches about another.",
        ids(lambda _, artwork: not any(kind_of(tag) not in NOT_SHARED for tag in artwork.tags)),
    )
    yield from finding(
        "unrated-artwork",
        "{count} artworks have no age rating, and no child's profile shows them.",
        ids(lambda _, artwork: not artwork.maturity),
    )
    yield from finding(
        "misleading-artwork",
        "{count} artworks promise a genre or an actor that their title does not have, and are not shown.",
        ids(is_misleading),
    )


def _shared_kinds(catalog: Catalog) -> Iterator[CatalogFinding]:
    on_titles, on_artworks = kinds_by_side(catalog)
    if not on_titles & on_artworks:
        yield CatalogFinding(
            "no-shared-kind",
            False,
            "Titles and artworks share no kind of tags, so a taste for titles says nothing about artworks; "
            "give artworks the genres, moods or actors that they show.",
            (),
        )


def kinds_by_side(catalog: Catalog) -> tuple[set[str], set[str]]:
    """Return the kinds of tags on titles, and those on artworks."""
    on_titles = {folded_kind(tag) for title in catalog for tag in title.tags}
    on_artworks = {folded_kind(tag) for title in catalog for artwork in title.artworks for tag in artwork.tags}
    return on_titles, on_artworks
