"""Titles in a compact file: each becomes a value when it is asked for, and what concerns all comes from columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np

from .artwork import Artwork
from .compact_file import SPOILER, SYNTHETIC, Columns, all_texts, embedding_size, id_hash, read_compact, text_at
from .listed_titles import Embedded
from .tags import kind_of
from .title import Title

MAX_KEPT = 1024  # titles that are kept as values: many pages, and few megabytes


class CompactTitles(Sequence[Title]):
    """The titles of a compact file. It answers what `ListedTitles` does. Safe to use from several threads."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._size = embedding_size(columns)
        self._kept: dict[int, Title] = {}

    @classmethod
    def open(cls, path: str | Path) -> CompactTitles:
        """Map a file. It raises as `read_compact` does."""
        return cls(read_compact(path))

    def __len__(self) -> int:
        return len(self._columns["title.duration"])

    @overload
    def __getitem__(self, place: int) -> Title: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Title, ...]: ...
    def __getitem__(self, place: int | slice) -> Title | tuple[Title, ...]:
        if isinstance(place, slice):
            return tuple(self[n] for n in range(*place.indices(len(self))))
        number = range(len(self))[place]  # raises an IndexError, and counts negative numbers from the end
        title = self._kept.get(number)
        if title is None:
            title = self._title(number)
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[number] = title
        return title

    def __iter__(self) -> Iterator[Title]:
        return map(self._title, range(len(self)))  # keeps none: whoever reads all of them needs none twice

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == yours for mine, yours in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as of any other sequence that is compared by its values

    def places(self, owner: str) -> Mapping[str, int]:
        """Return the place of each title ("title") or artwork ("artwork") by its id."""
        return _PlacesById(self._columns, owner)

    def artwork_counts(self) -> Sequence[int]:
        """Return the number of artworks of each title."""
        counts: list[int] = np.diff(self._columns["title.artworks"].astype(np.int64)).tolist()
        return counts

    def durations(self) -> Any:
        """Return the duration of each title in seconds, [titles]."""
        return self._columns["title.duration"]

    def title_ids(self) -> list[str]:
        """Return the ids of the titles."""
        return all_texts(self._columns, "title.id")

    def artwork_ids(self) -> list[str]:
        """Return the ids of the artworks of all titles, in order."""
        return all_texts(self._columns, "artwork.id")

    def tags(self) -> tuple[set[str], set[str]]:
        """Return all tags of titles, and all tags of artworks."""
        on_titles, on_artworks = (
            {self._tag_names[n] for n in np.unique(self._columns[f"{owner}.tag"]).tolist()}
            for owner in ("title", "artwork")
        )
        return on_titles, on_artworks

    def carriers(self, kinds: Collection[str]) -> dict[str, int]:
        """Return how many titles carry each tag of some kinds."""
        if not kinds:
            return {}
        counts = np.bincount(self._columns["title.tag"], minlength=len(self._tag_names)).tolist()
        return {
            tag: count for tag, count in zip(self._tag_names, counts, strict=True) if count and kind_of(tag) in kinds
        }

    def tagged_artworks(self, tags: Collection[str]) -> dict[int, dict[str, float]]:
        """Return the weights of some tags, by the place of each artwork that carries one among all artworks."""
        numbers = [n for n, tag in enumerate(self._tag_names) if tag in tags]
        entries = np.flatnonzero(np.isin(self._columns["artwork.tag"], numbers))
        places = np.searchsorted(self._columns["artwork.tags"], entries, side="right") - 1
        found: dict[int, dict[str, float]] = {}
        for place, entry in zip(places.tolist(), entries.tolist(), strict=True):
            name = self._tag_names[self._columns["artwork.tag"][entry]]
            found.setdefault(place, {})[name] = float(self._columns["artwork.weight"][entry])
        return found

    def embedding_size(self) -> int | None:
        """Return how many numbers the embeddings have, or None if there are none."""
        return self._size or None

    def embeddings(self) -> tuple[Embedded, Embedded]:
        """Return the embeddings of titles and of artworks."""
        if not self._size:
            return [], []
        rows = self._columns["embedding"].reshape(-1, self._size)
        titles, artworks = (
            [
                (text, rows[row])
                for text, row in zip(ids, self._columns[f"{owner}.embedding"].tolist(), strict=True)
                if row >= 0
            ]
            for owner, ids in (("title", self.title_ids()), ("artwork", self.artwork_ids()))
        )
        return titles, artworks

    @cached_property
    def _tag_names(self) -> list[str]:
        return all_texts(self._columns, "tag")

    @cached_property
    def _ratings(self) -> list[str]:
        return all_texts(self._columns, "rating")

    def _title(self, n: int) -> Title:
        columns = self._columns
        first, end = columns["title.artworks"][n : n + 2].tolist()
        return Title(
            text_at(columns, "title.id", n),
            text_at(columns, "title.name", n),
            float(columns["title.duration"][n]),
            self._tags("title", n),
            [self._artwork(place) for place in range(first, end)],
            self._embedding("title", n),
        )

    def _artwork(self, n: int) -> Artwork:
        columns = self._columns
        flags = int(columns["artwork.flags"][n])
        return Artwork(
            text_at(columns, "artwork.id", n),
            self._tags("artwork", n),
            text_at(columns, "artwork.image", n),
            self._embedding("artwork", n),
            synthetic=bool(flags & SYNTHETIC),
            maturity=self._ratings[columns["artwork.rating"][n]],
            spoiler=bool(flags & SPOILER),
        )

    def _tags(self, owner: str, n: int) -> dict[str, float]:
        first, end = self._columns[f"{owner}.tags"][n : n + 2].tolist()
        numbers = self._columns[f"{owner}.tag"][first:end].tolist()
        weights = self._columns[f"{owner}.weight"][first:end].tolist()
        return {self._tag_names[number]: weight for number, weight in zip(numbers, weights, strict=True)}

    def _embedding(self, owner: str, n: int) -> Sequence[float] | None:
        row, size = int(self._columns[f"{owner}.embedding"][n]), self._size
        if row < 0:
            return None
        vector: list[float] = self._columns["embedding"][row * size : (row + 1) * size].tolist()
        return vector


class _PlacesById(Mapping[str, int]):
    """Place by id, found by the hash of the id in a sorted column."""

    def __init__(self, columns: Columns, owner: str) -> None:
        self._columns, self._owner = columns, owner
        self._hashes, self._order = columns[f"{owner}.hash"], columns[f"{owner}.by_hash"]

    def __getitem__(self, text: str) -> int:
        if isinstance(text, str):
            try:
                wanted = id_hash(text)
            except UnicodeEncodeError:  # half of a surrogate pair is in no file
                raise KeyError(text) from None
            at = int(np.searchsorted(self._hashes, np.uint64(wanted)))
            while at < len(self._hashes) and int(self._hashes[at]) == wanted:
                place = int(self._order[at])
                if text_at(self._columns, f"{self._owner}.id", place) == text:
                    return place
                at += 1
        raise KeyError(text)

    def __iter__(self) -> Iterator[str]:
        return iter(all_texts(self._columns, f"{self._owner}.id"))

    def __len__(self) -> int:
        return len(self._order)
