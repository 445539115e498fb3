"""A catalogue as a JSON file, `keyart-catalog/1`: read by people, kept under version control, edited by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import CatalogError
from .artwork import Artwork
from .checks import quoted
from .title import Title
from .whole_file import write_whole

FORMAT = "keyart-catalog/1"


def write_json(titles: Iterable[Title], path: str | Path) -> None:
    """Write titles as JSON, either completely or not at all.

    Raises:
        CatalogError: The file cannot be written.
    """
    document = {"format": FORMAT, "titles": [_title_to_json(title) for title in titles]}
    write_whole(path, (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode())


def read_json(path: str | Path) -> list[Title]:
    """Return the titles of a file that `write_json` wrote.

    Raises:
        CatalogError: The file cannot be read, or a title cannot be used. The message names the file.
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
        return [_title_from_json(entry) for entry in titles]
    except CatalogError as error:
        raise CatalogError(f"{source}: {error}") from None


def _title_to_json(title: Title) -> dict[str, Any]:
    return {
        "id": title.id,
        "name": title.name,
        "duration": title.duration,
        "tags": dict(title.tags),
        "embedding": _numbers(title.embedding),
        "artworks": [
            {
                "id": artwork.id,
                "tags": dict(artwork.tags),
                "image": artwork.image,
                "embedding": _numbers(artwork.embedding),
                "synthetic": artwork.synthetic,
                "maturity": artwork.maturity,
                "spoiler": artwork.spoiler,
            }
            for artwork in title.artworks
        ],
    }


def _numbers(embedding: Sequence[float] | None) -> list[float] | None:
    """Return the shortest numbers that are read as the same float32 numbers."""
    return None if embedding is None else [float(f"{number:.9g}") for number in embedding]


def _title_from_json(entry: Any) -> Title:
    if not isinstance(entry, dict) or not isinstance(entry.get("artworks", []), list):
        raise CatalogError("a title must be an object with a list 'artworks'.")
    try:
        artworks = [Artwork(**artwork) for artwork in entry.get("artworks", [])]
        return Title(**{**entry, "artworks": artworks})
    except TypeError as error:
        raise CatalogError(f"title {quoted(entry.get('id'))}: {str(error)[:200]}") from None
