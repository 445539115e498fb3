"""The catalogue: the titles that an app can show, checked once, when it is made, so that nothing later doubts it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from ..errors import CatalogError, UnknownTitle
from .artwork import Artwork
from .checks import quoted
from .file_magic import begins_compact
from .json_file import read_json, write_json
from .listed_titles import ListedTitles
from .tags import EMBEDDING_KIND, folded_kind
from .title import Title

if TYPE_CHECKING:
    from .compact_titles import CompactTitles

Entry = TypeVar("Entry", Title, Artwork)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The titles that the app can show, in order. Ids of titles and of artworks are unique.

    Attributes:
        titles: The titles: in memory, or in a compact file, from which each is read when it is needed.
        title_places: Place of each title among all titles, by id.
        artwork_places: Place of each artwork among the artworks of all titles in order, by id.
    """

    titles: ListedTitles | CompactTitles
    title_places: Mapping[str, int] = field(repr=False, compare=False)
    artwork_places: Mapping[str, int] = field(repr=False, compare=False)

    @classmethod
    def from_titles(cls, titles: Iterable[Title]) -> Catalog:
        """Return a catalogue of titles.

        Raises:
            CatalogError: An id occurs twice, embeddings differ in length, or there is no title.
        """
        rows = ListedTitles(titles)
        if not rows:
            raise CatalogError("A catalogue needs at least one title.")
        by_id: dict[str, int] = {}
        artworks: dict[str, int] = {}
        for index, title in enumerate(rows):
            if not isinstance(title, Title):
                raise CatalogError(f"A catalogue holds keyart.Title values, not {type(title).__name__}.")
            if title.id in by_id:
                raise CatalogError(f"Two titles have the id {quoted(title.id)}; give each its own.")
            by_id[title.id] = index
            for artwork in title.artworks:
                if artwork.id in artworks:
                    other = next(t.id for t in rows if any(a.id == artwork.id for a in t.artworks))
                    raise CatalogError(
                        f"Two artworks have the id {quoted(artwork.id)} (of {quoted(other)} and {quoted(title.id)}); "
                        "give each its own, for instance its title's with '/a'."
                    )
                artworks[artwork.id] = len(artworks)
        _check_embeddings(rows)
        return cls(rows, MappingProxyType(by_id), MappingProxyType(artworks))

    def without_kinds(self, kinds: frozenset[str]) -> Catalog:
        """Return the catalogue without any tag of some kinds, however it is spelt.

        The kind `embedding` stands for the embeddings.
        """

        def kept(tags: Mapping[str, float]) -> dict[str, float]:
            return {tag: w for tag, w in tags.items() if folded_kind(tag) not in kinds}

        def without(entry: Entry) -> Entry:
            embedding = None if EMBEDDING_KIND in kinds else entry.embedding
            return replace(entry, tags=kept(entry.tags), embedding=embedding)

        if not kinds:
            return self
        return Catalog.from_titles(
            replace(without(title), artworks=[without(artwork) for artwork in title.artworks])
            for title in self.titles
        )

    def changed(self, *, titles: Iterable[Title] = (), withdrawn: Collection[str] = ()) -> Catalog:
        """Return a catalogue with other titles in the place of those with their ids, new ones behind, others gone.

        Args:
            titles: Titles that are new, or have other artworks than before.
            withdrawn: Ids of titles that are no longer shown; one that is not there is no mistake.
        """
        new = {title.id: title for title in titles}
        kept = [new.pop(title.id, title) for title in self.titles if title.id not in withdrawn]
        return Catalog.from_titles([*kept, *new.values()])

    def __len__(self) -> int:
        return len(self.titles)

    def __iter__(self) -> Iterator[Title]:
        return iter(self.titles)

    def __contains__(self, title_id: object) -> bool:
        return title_id in self.title_places

    def __getitem__(self, title_id: str) -> Title:
        return self.titles[self.index(title_id)]

    def index(self, title_id: str) -> int:
        """Return the position of a title.

        Raises:
            UnknownTitle: The catalogue does not have the title.
        """
        try:
            return self.title_places[title_id]
        except (KeyError, TypeError):
            raise UnknownTitle(
                f"No title {quoted(title_id)} in this catalogue of {len(self.titles)}. "
                "Add it with Catalog.from_titles and open the profile with the new catalogue."
            ) from None

    def save(self, path: str | Path) -> None:
        """Write the catalogue as JSON (`keyart-catalog/1`), either completely or not at all."""
        write_json(self.titles, path)

    def save_compact(self, path: str | Path) -> None:
        """Write the catalogue in columns (`keyart-catalog-columns/1`), either completely or not at all.

        `load` maps such a file into memory instead of reading it: for catalogues of thousands of titles on a device.
        """
        from .compact_file import write_compact

        write_compact(self.titles, path)

    @classmethod
    def load(cls, path: str | Path) -> Catalog:
        """Read a catalogue that `save` or `save_compact` wrote.

        A compact file must stay as it is while the catalogue is in use: replace it, and never write into it.

        Raises:
            CatalogError: The file cannot be read. The message names the place of the first mistake.
        """
        if begins_compact(path):
            from .compact_titles import CompactTitles

            compact = CompactTitles.open(path)
            return cls(compact, compact.places("title"), compact.places("artwork"))
        titles = read_json(path)
        try:
            return cls.from_titles(titles)
        except CatalogError as error:
            raise CatalogError(f"{Path(path)}: {error}") from None


def _check_embeddings(titles: ListedTitles) -> None:
    """Raise a `CatalogError` unless all embeddings have one length: others cannot be compared."""
    on_titles, on_artworks = titles.embeddings()
    embeddings = [*on_titles, *on_artworks]
    for owner, vector in embeddings:
        first, size = quoted(embeddings[0][0]), len(embeddings[0][1])
        if len(vector) != size:
            raise CatalogError(
                f"The embedding of {quoted(owner)} has {len(vector)} numbers, and that of {first} has {size}; "
                "make all embeddings of a catalogue with one model."
            )
