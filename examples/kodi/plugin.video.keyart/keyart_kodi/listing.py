"""The row: films of the library, with the art that keyart chooses for each. Pure."""

from __future__ import annotations

from collections import namedtuple

from .catalogue import KINDS, Index, art_of

MAX_FILMS = 40
DAYPARTS_BEGIN = (5, 12, 17, 23)  # hours, as in keyart's own context


class Entry(namedtuple("Entry", "movie art decision")):
    """A film of the list.

    Attributes:
        movie: The film as Kodi's library has it.
        art: Art of the library, with what keyart chose in its place.
        decision: Decision behind the poster, or "" if the poster is the library's own.
    """

    __slots__ = ()


def daypart(hour: int) -> int:
    """Return a number for the daypart of an hour: 0 for night, then morning, afternoon and evening."""
    return sum(hour >= begin for begin in DAYPARTS_BEGIN) % len(DAYPARTS_BEGIN)


def questions(films: list[str | None], index: Index, context: dict) -> list[tuple[str, dict]]:
    """Return the calls of the sidecar that choose for films: one page for each kind of art."""
    calls = []
    for kind in KINDS:
        ids = [index.titles[film][kind] for film in films if film and kind in index.titles[film]]
        if ids:
            calls.append(("choose_page", {"title_ids": ids, "context": context}))
    return calls


def entries(
    movies: list[dict], films: list[str | None], index: Index, decisions: list[dict], is_limited: bool
) -> list[Entry]:
    """Return the list.

    Args:
        movies: Films of the library.
        films: Their titles in the catalogue, or None.
        index: Index of the catalogue.
        decisions: What keyart chose; empty if it is away.
        is_limited: True if the profile has an age limit: what keyart chose no poster for is left out.
    """
    chosen = {decision["title_id"]: decision for decision in decisions if decision["artwork_id"]}
    made = []
    for movie, film in zip(movies, films, strict=True):
        titles = index.titles[film] if film else {}
        by_kind = {kind: chosen[title] for kind, title in titles.items() if title in chosen}
        pictures = {kind: index.images[decision["artwork_id"]] for kind, decision in by_kind.items()}
        if is_limited and "poster" not in pictures:
            continue
        own = {} if is_limited else movie["art"]  # of an unknown rating
        first = by_kind.get("poster") or by_kind.get("landscape")
        made.append(Entry(movie, {**own, **art_of(pictures)}, first["id"] if first else ""))
    return made
