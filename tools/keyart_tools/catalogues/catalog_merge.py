"""Several catalogues as one: titles by id, their artworks by id, and where two disagree, the later one holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from keyart import Catalog
from keyart.catalog import Artwork, Title, folded_kind, quoted

from .import_issues import listed
from .tagged_folder import moved

SAME_SECONDS = 60.0  # durations that differ by less are the same: a runtime is rounded to minutes
_MERGED = frozenset({"id", "name", "duration", "tags", "artworks"})


@dataclass(frozen=True, slots=True)
class CatalogMerge:
    """The merged catalogue, and how it came about.

    Attributes:
        catalog: The titles of the first catalogue in their order, then those that others added.
        added_titles: Ids of titles that a later catalogue added.
        changed_titles: Ids of titles that a later catalogue changed, artworks aside.
        missing_titles: Ids of titles that the last catalogue does not have.
        added_artworks: Ids of artworks that a later catalogue added to a title of an earlier one.
        replaced_artworks: Ids of artworks that a later catalogue replaced.
        missing_artworks: Ids of artworks that the last catalogue does not have, of titles that it has.
        conflicts: A sentence for each disagreement; the later catalogue holds.
    """

    catalog: Catalog
    added_titles: tuple[str, ...]
    changed_titles: tuple[str, ...]
    missing_titles: tuple[str, ...]
    added_artworks: tuple[str, ...]
    replaced_artworks: tuple[str, ...]
    missing_artworks: tuple[str, ...]
    conflicts: tuple[str, ...]


def merge_catalogs(catalogs: Sequence[tuple[Path, Catalog]], base: Path) -> CatalogMerge:
    """Merge catalogues, the later ones into the earlier ones.

    Args:
        catalogs: Each catalogue with its file; at least one.
        base: Folder of the merged catalogue; paths of pictures become relative to it.
    """
    merge = _Merge()
    for path, catalog in catalogs:
        merge.add([_moved(title, path.parent, base) for title in catalog])
    last = catalogs[-1][1]
    last_artworks = {artwork.id for title in last for artwork in title.artworks}
    titles = merge.titles.values()
    return CatalogMerge(
        Catalog.from_titles(titles),
        tuple(merge.added_titles),
        tuple(merge.changed_titles),
        tuple(title.id for title in titles if title.id not in last),
        tuple(merge.added_artworks),
        tuple(merge.replaced_artworks),
        tuple(a.id for title in titles if title.id in last for a in title.artworks if a.id not in last_artworks),
        tuple(merge.conflicts),
    )


def _moved(title: Title, before: Path, base: Path) -> Title:
    return replace(title, artworks=[moved(artwork, before, base) for artwork in title.artworks])


class _Merge:
    """The state of a merge; dictionaries keep the order in which ids came."""

    def __init__(self) -> None:
        self.titles: dict[str, Title] = {}
        self.owners: dict[str, str] = {}  # id of the title, by id of the artwork
        self.added_titles: dict[str, None] = {}
        self.changed_titles: dict[str, None] = {}
        self.added_artworks: dict[str, None] = {}
        self.replaced_artworks: dict[str, None] = {}
        self.conflicts: list[str] = []

    def add(self, titles: Sequence[Title]) -> None:
        """Add the titles of the next catalogue."""
        first = not self.titles
        for title in titles:
            self._take_from_others(title)
            earlier = self.titles.get(title.id)
            if earlier is None:
                self.titles[title.id] = title
                if not first:
                    self.added_titles[title.id] = None
            else:
                self.titles[title.id] = self._merged(earlier, title)
            self.owners |= {artwork.id: title.id for artwork in title.artworks}

    def _take_from_others(self, title: Title) -> None:
        """Take artworks away from an earlier title of another id, since ids are unique in a catalogue."""
        for artwork in title.artworks:
            owner = self.owners.get(artwork.id, title.id)
            if owner == title.id:
                continue
            rest = [a for a in self.titles[owner].artworks if a.id != artwork.id]
            sentence = f"Artwork {quoted(artwork.id)} moves from title {quoted(owner)} to {quoted(title.id)}."
            if rest:
                self.titles[owner] = replace(self.titles[owner], artworks=rest)
            else:
                del self.titles[owner]
                sentence += " No artwork is left to the former, which is gone."
            self.conflicts.append(sentence)

    def _merged(self, earlier: Title, later: Title) -> Title:
        where = f"Title {quoted(later.id)}"
        if earlier.name and later.name and earlier.name != later.name:
            self.conflicts.append(f"{where}: its name was {quoted(earlier.name)} and is {quoted(later.name)}.")
        if earlier.duration and later.duration and abs(earlier.duration - later.duration) >= SAME_SECONDS:
            self.conflicts.append(
                f"{where}: its duration was {earlier.duration:,.0f} s and is {later.duration:,.0f} s."
            )
        tags = self._tags(where, earlier.tags, later.tags)
        merged = replace(
            later,
            name=later.name or earlier.name,
            duration=later.duration or earlier.duration,
            tags=tags,
            artworks=self._artworks(earlier, later),
            **_others(earlier, later),
        )
        if any(getattr(merged, name) != getattr(earlier, name) for name in ("name", "duration", "tags")):
            self.changed_titles[later.id] = None
        return merged

    def _tags(self, where: str, earlier: Mapping[str, float], later: Mapping[str, float]) -> dict[str, float]:
        """Return the tags, those of a kind from the later title if it has any of that kind."""
        kinds = {folded_kind(tag) for tag in later}
        kept = {tag: weight for tag, weight in earlier.items() if folded_kind(tag) not in kinds}
        lost = [tag for tag in earlier if tag not in kept and tag not in later]
        if lost:
            self.conflicts.append(
                f"{where}: tags of a kind that the later catalogue has, too, are gone: {listed(lost)}."
            )
        return kept | dict(later)

    def _artworks(self, earlier: Title, later: Title) -> list[Artwork]:
        artworks = {artwork.id: artwork for artwork in earlier.artworks}
        for artwork in later.artworks:
            if artwork.id not in artworks:
                self.added_artworks[artwork.id] = None
            elif artworks[artwork.id] != artwork:
                self.replaced_artworks[artwork.id] = None
            artworks[artwork.id] = artwork
        return list(artworks.values())


def _others(earlier: Title, later: Title) -> dict[str, Any]:
    """Return every other field of a title: the later one's, unless it has none."""
    names = [field.name for field in fields(Title) if field.init and field.name not in _MERGED]
    return {n: getattr(earlier, n) if getattr(later, n) is None else getattr(later, n) for n in names}
