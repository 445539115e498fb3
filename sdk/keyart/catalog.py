"""The catalogue: titles, their artworks, and the tags of both.

A tag is a `kind:value` string with a weight (`"genre:drama": 0.7`), or a bare name (`"faces": 0.5`).
A catalogue is checked once, when it is made, so that nothing later has to doubt it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .errors import CatalogError, UnknownTitle

FORMAT = "keyart-catalog/1"
MAX_AGE_DIGITS = 3  # digits
MAX_DURATION_SECONDS = 1e9  # of a title
MAX_FINITE_WEIGHT = 1e6  # of a tag, and of what a context says; beyond, float32 has no room for sums
MAX_QUOTED_CHARACTERS = 60  # characters of a value that an error repeats


def age_of(maturity: str) -> int | None:
    """Return 13 for "13+", 0 for "" and "all", and None for anything else."""
    if maturity in ("", "all"):
        return 0
    digits = maturity.removesuffix("+")
    return int(digits) if len(digits) <= MAX_AGE_DIGITS and digits.isdigit() and digits.isascii() else None


def kind_of(tag: str) -> str:
    """Return the kind of a tag: `"genre"` of `"genre:drama"`. A bare name is a kind of its own."""
    return tag.partition(":")[0]


def quoted(value: object) -> str:
    """Return a value as an error message quotes it: short, even if it is a text of megabytes or cannot be shown."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists in lists
        text = f"a very large {type(value).__name__}"
    return text if len(text) <= MAX_QUOTED_CHARACTERS else f"{text[:MAX_QUOTED_CHARACTERS]}…"


def is_text(value: object) -> bool:
    """Return True for a text that is not empty and can be stored. JSON may hold half of a surrogate pair."""
    try:
        return isinstance(value, str) and bool(value.encode())
    except UnicodeEncodeError:
        return False


def folded_kind(tag: str) -> str:
    """Return the kind that rules go by, the same however the tag is spelt: `"gender"` of `" Gender:x"`."""
    return kind_of(tag).strip().casefold()


def checked_tags(tags: Mapping[str, float], owner: str, error: type[CatalogError]) -> Mapping[str, float]:
    """Return a read-only copy of tags with finite weights of 0 or more.

    Args:
        tags: Weights by tag.
        owner: Title or artwork, for the error message.
        error: Class of the error that is raised for a bad tag or weight.
    """
    if not isinstance(tags, Mapping):
        raise error(f"{owner}: tags must be a mapping of tag to weight, not {type(tags).__name__}.")
    clean: dict[str, float] = {}
    for tag, weight in tags.items():
        if not is_text(tag) or not tag.strip():
            raise error(f"{owner}: a tag must be a text such as 'genre:drama', not {quoted(tag)}.")
        try:
            value = float(weight)
        except (TypeError, ValueError, OverflowError):
            raise error(f"{owner}: the weight of {quoted(tag)} must be a number, not {quoted(weight)}.") from None
        if not 0.0 <= value <= MAX_FINITE_WEIGHT:
            raise error(
                f"{owner}: the weight of {quoted(tag)} is {value}; it must be finite and not negative, and at most "
                f"{MAX_FINITE_WEIGHT:.0e}."
            )
        clean[tag] = value
    return MappingProxyType(clean)


def _checked_id(value: object, what: str) -> None:
    if not is_text(value):
        raise CatalogError(f"{what} needs an id: a text that is not empty, got {quoted(value)}.")


@dataclass(frozen=True, slots=True)
class Artwork:
    """An artwork of a title.

    Attributes:
        id: Id, unique in the catalogue.
        tags: Weights of the tags of what the artwork shows.
        image: Path or address that the host app finds it by. keyart never opens it.
        embedding: Image embedding of any length, or None.
        synthetic: True if it was composed or generated, so that the app can say so.
        maturity: Age rating such as "13+". It is shown only where the context's limit allows it.
        spoiler: True if it is not shown before the title has been watched.

    Raises:
        CatalogError: A field cannot be used.
    """

    id: str
    tags: Mapping[str, float] = field(default_factory=dict)
    image: str = ""
    embedding: Sequence[float] | None = None
    synthetic: bool = False
    maturity: str = ""
    spoiler: bool = False

    def __post_init__(self) -> None:
        _checked_id(self.id, "An artwork")
        object.__setattr__(self, "tags", checked_tags(self.tags, f"Artwork {quoted(self.id)}", CatalogError))
        if self.embedding is not None:
            try:
                vector = tuple(float(x) for x in self.embedding)
            except (TypeError, ValueError, OverflowError):
                raise CatalogError(
                    f"Artwork {quoted(self.id)}: its embedding must be a sequence of numbers."
                ) from None
            if not all(map(math.isfinite, vector)):
                raise CatalogError(f"Artwork {quoted(self.id)}: its embedding holds a NaN or an infinity.")
            object.__setattr__(self, "embedding", vector)
        if not isinstance(self.maturity, str) or age_of(self.maturity) is None:
            raise CatalogError(
                f"Artwork {quoted(self.id)}: maturity {quoted(self.maturity)} is not an age such as '13+'."
            )
        if not isinstance(self.synthetic, bool) or not isinstance(self.spoiler, bool):
            raise CatalogError(f"Artwork {quoted(self.id)}: 'synthetic' and 'spoiler' are True or False.")


@dataclass(frozen=True, slots=True)
class Title:
    """A film, series or programme with its candidate artworks.

    Attributes:
        id: Id, unique in the catalogue.
        name: Name for people.
        duration: Seconds, or 0 if unknown. Then only the minutes of a play decide whether it was a quality play.
        tags: Weights by tag.
        artworks: At least one artwork.

    Raises:
        CatalogError: A field cannot be used.
    """

    id: str
    name: str = ""
    duration: float = 0.0
    tags: Mapping[str, float] = field(default_factory=dict)
    artworks: Sequence[Artwork] = ()

    def __post_init__(self) -> None:
        _checked_id(self.id, "A title")
        object.__setattr__(self, "tags", checked_tags(self.tags, f"Title {quoted(self.id)}", CatalogError))
        if not isinstance(self.duration, (int, float)) or not 0 <= self.duration <= MAX_DURATION_SECONDS:
            raise CatalogError(
                f"Title {quoted(self.id)}: duration is {quoted(self.duration)}; give seconds, or 0 if unknown."
            )
        object.__setattr__(self, "duration", float(self.duration))
        artworks = tuple(self.artworks)
        if not artworks:
            raise CatalogError(f"Title {quoted(self.id)} has no artwork; give it at least one.")
        if not all(isinstance(artwork, Artwork) for artwork in artworks):
            raise CatalogError(f"Title {quoted(self.id)}: artworks must be keyart.Artwork values.")
        object.__setattr__(self, "artworks", artworks)


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
            CatalogError: An id occurs twice, or there is no title.
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
        return cls(rows, MappingProxyType(by_id), MappingProxyType(artworks))

    def without_kinds(self, kinds: frozenset[str]) -> Catalog:
        """Return the catalogue without any tag of some kinds, however it is spelt."""

        def kept(tags: Mapping[str, float]) -> dict[str, float]:
            return {tag: w for tag, w in tags.items() if folded_kind(tag) not in kinds}

        if not kinds:
            return self
        return Catalog.from_titles(
            replace(t, tags=kept(t.tags), artworks=[replace(a, tags=kept(a.tags)) for a in t.artworks])
            for t in self.titles
        )

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
        target = Path(path)
        document = {"format": FORMAT, "titles": [_title_to_json(title) for title in self.titles]}
        partial = target.with_name(target.name + ".partial")
        try:
            partial.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            partial.replace(target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise CatalogError(f"Cannot write the catalogue to {target}: {error.strerror or error}.") from error

    @classmethod
    def load(cls, path: str | Path) -> Catalog:
        """Read a catalogue that `save` wrote.

        Raises:
            CatalogError: The file cannot be read. The message names the place of the first mistake.
        """
        source = Path(path)
        try:
            document = json.loads(source.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CatalogError(f"No catalogue at {source}. Write one with Catalog.save(path).") from None
        except OSError as error:
            raise CatalogError(f"Cannot read {source}: {error.strerror or error}.") from error
        except (ValueError, RecursionError) as error:  # a number of thousands of digits is a plain ValueError
            raise CatalogError(f"{source} is not a catalogue: it is not JSON ({error}).") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise CatalogError(f"{source} is not a catalogue: its 'format' must be {FORMAT!r}.")
        titles = document.get("titles")
        if not isinstance(titles, list):
            raise CatalogError(f"{source}: 'titles' must be a list.")
        try:
            return cls.from_titles(_title_from_json(entry) for entry in titles)
        except CatalogError as error:
            raise CatalogError(f"{source}: {error}") from None


def _title_to_json(title: Title) -> dict[str, Any]:
    return {
        "id": title.id,
        "name": title.name,
        "duration": title.duration,
        "tags": dict(title.tags),
        "artworks": [
            {
                "id": artwork.id,
                "tags": dict(artwork.tags),
                "image": artwork.image,
                "embedding": list(artwork.embedding) if artwork.embedding is not None else None,
                "synthetic": artwork.synthetic,
                "maturity": artwork.maturity,
                "spoiler": artwork.spoiler,
            }
            for artwork in title.artworks
        ],
    }


def _title_from_json(entry: Any) -> Title:
    if not isinstance(entry, dict) or not isinstance(entry.get("artworks", []), list):
        raise CatalogError("a title must be an object with a list 'artworks'.")
    try:
        artworks = [Artwork(**artwork) for artwork in entry.get("artworks", [])]
        return Title(**{**entry, "artworks": artworks})
    except TypeError as error:
        raise CatalogError(f"title {quoted(entry.get('id'))}: {str(error)[:200]}") from None
