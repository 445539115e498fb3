"""The catalogue: the titles that an app can show, checked once, when it is made, so that nothing later doubts it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from ..errors import CatalogError, UnknownTitle
from .artwork import Artwork
from .checks import quoted
from .json_file import read_json, write_json
from .tags import EMBEDDING_KIND, folded_kind
from .title import Title

Entry = TypeVar("Entry", Title, Artwork)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The titles that the app can show, in order. Ids of titles and of artworks are unique.

    Attributes:
        titles: The titles.
        title_places: Place of each title among all titles, by id.
        artwork_places: Place of each artwork among the artworks of all titles in order, by id.
    """

    titles: tuple[Title, ...]
    title_places: Mapping[str, int] = field(repr=False, compare=False)
    artwork_places: Mapping[str, int] = field(repr=False, compare=False)

    @classmethod
    def from_titles(cls, titles: Iterable[Title]) -> Catalog:
        """Return a catalogue of titles.

        Raises:
            CatalogError: An id occurs twice, embeddings differ in length, or there is no title.
        """
        rows = tuple(titles)
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

    @property
    def embedding_size(self) -> int | None:
        """Return how many numbers the embeddings have, or None if there are none."""
        embeddings = (entry.embedding for entry in _entries(self.titles))
        return next((len(embedding) for embedding in embeddings if embedding is not None), None)

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

    @classmethod
    def load(cls, path: str | Path) -> Catalog:
        """Read a catalogue that `save` wrote.

        Raises:
            CatalogError: The file cannot be read. The message names the place of the first mistake.
        """
        titles = read_json(path)
        try:
            return cls.from_titles(titles)
        except CatalogError as error:
            raise CatalogError(f"{Path(path)}: {error}") from None


def _entries(titles: Iterable[Title]) -> Iterator[Title | Artwork]:
    """Yield each title and then its artworks."""
    for title in titles:
        yield title
        yield from title.artworks


def _check_embeddings(titles: Iterable[Title]) -> None:
    """Raise a `CatalogError` unless all embeddings have one length: others cannot be compared."""
    first: tuple[str, int] | None = None
    for entry in _entries(titles):
        if entry.embedding is None:
            continue
        first = first or (entry.id, len(entry.embedding))
        if len(entry.embedding) != first[1]:
            raise CatalogError(
                f"The embedding of {quoted(entry.id)} has {len(entry.embedding)} numbers, and that of "
                f"{quoted(first[0])} has {first[1]}; make all embeddings of a catalogue with one model."
            )
