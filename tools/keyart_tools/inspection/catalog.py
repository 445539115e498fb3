"""A catalogue: counts, kinds of tags and misleading artworks; or one of its titles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keyart import Catalog, Title
from keyart.catalog import kind_of
from keyart.model import FeatureSpec, is_misleading

from .tables import EXAMPLES, fields, plain, some, table, tags


def document(path: Path, title_id: str | None = None) -> dict[str, Any]:
    """Describe the catalogue, or one title if `title_id` is given.

    Raises:
        CatalogError: the file cannot be read.
        UnknownTitle: the title does not exist.
    """
    catalog = Catalog.load(path)
    return _of_title(catalog[title_id]) if title_id is not None else _of_all(path, catalog)


def _of_all(path: Path, catalog: Catalog) -> dict[str, Any]:
    spec = FeatureSpec.from_catalog(catalog)
    on_titles: dict[str, Counter[str]] = defaultdict(Counter)
    on_artworks: dict[str, Counter[str]] = defaultdict(Counter)
    for title in catalog:
        _count(on_titles, title.tags)
        for artwork in title.artworks:
            _count(on_artworks, artwork.tags)
    sizes = [len(title.artworks) for title in catalog]
    return {
        "kind": "catalog",
        "file": str(path),
        "titles": len(catalog),
        "artworks": sum(sizes),
        "artworks_per_title": {"fewest": min(sizes), "most": max(sizes)},
        "without_duration": sum(not title.duration for title in catalog),
        "synthetic": sum(a.synthetic for t in catalog for a in t.artworks),
        "spoilers": sum(a.spoiler for t in catalog for a in t.artworks),
        "misleading": [a.id for t in catalog for a in t.artworks if is_misleading(t, a)],
        "tag_kinds": {
            kind: {
                "open": kind in spec.open_kinds,
                "on_titles": len(on_titles[kind]),
                "on_artworks": len(on_artworks[kind]),
                "frequent": [tag for tag, _ in (on_titles[kind] + on_artworks[kind]).most_common(EXAMPLES)],
            }
            for kind in sorted({*on_titles, *on_artworks})
        },
    }


def _of_title(title: Title) -> dict[str, Any]:
    return {
        "kind": "title",
        "id": title.id,
        "name": title.name,
        "duration": title.duration,
        "tags": dict(title.tags),
        "artworks": [
            {
                "id": artwork.id,
                "tags": dict(artwork.tags),
                "maturity": artwork.maturity,
                "spoiler": artwork.spoiler,
                "synthetic": artwork.synthetic,
                "misleading": is_misleading(title, artwork),
            }
            for artwork in title.artworks
        ],
    }


def _count(kinds: dict[str, Counter[str]], weights: Mapping[str, float]) -> None:
    for tag in weights:
        kinds[kind_of(tag)][tag] += 1


def tables(document: Mapping[str, Any]) -> list[Any]:
    """Return tables of the document."""
    if document["kind"] == "title":
        return [_title_table(document)]
    counts = ("titles", "artworks", "without_duration", "synthetic", "spoilers", "artworks_per_title")
    about = fields(f"Catalogue {document['file']}", document, *counts)
    about.add_row("misleading", some(document["misleading"]))
    kinds = table("Kinds of tags", "kind", "on titles", "on artworks", "vocabulary", "frequent")
    for kind, entry in document["tag_kinds"].items():
        vocabulary = "open" if entry["open"] else "closed"
        cells = (kind, entry["on_titles"], entry["on_artworks"], vocabulary, entry["frequent"])
        kinds.add_row(*map(plain, cells))
    return [about, kinds]


def _title_table(document: Mapping[str, Any]) -> Any:
    artworks = table(document["name"] or document["id"], "artwork", "tags", "notes")
    artworks.add_row("(the title)", tags(document["tags"]), "")
    for artwork in document["artworks"]:
        notes = [name for name in ("misleading", "spoiler", "synthetic") if artwork[name]]
        artworks.add_row(
            plain(artwork["id"]), tags(artwork["tags"]), ", ".join([*notes, artwork["maturity"]]).strip(", ")
        )
    return artworks
