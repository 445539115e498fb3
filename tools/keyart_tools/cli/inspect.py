"""`keyart inspect`: what is in a bundle or a catalogue."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import json_option, print_table, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from keyart import Catalog, Title

EXAMPLES = 8  # names listed where there may be thousands


@click.command(short_help="What is in a bundle or a catalogue.")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--title", "title_id", metavar="ID", help="One title of a catalogue, with its artworks.")
@json_option
def inspect(path: Path, title_id: str | None, as_json: bool) -> None:
    """Show what is in PATH: a bundle's folder, a folder of installed bundles, or a catalogue's JSON file.

    \b
    Example:
      keyart inspect build/demo/bundle
      keyart inspect catalog.json --title t1 --json
    """
    if path.is_dir() or not path.exists():
        if title_id is not None:
            raise click.UsageError("--title belongs to a catalogue's file, and PATH is none.")
        document = bundle_document(path)
    else:
        from keyart import Catalog

        catalog = Catalog.load(path)
        document = catalog_document(catalog) if title_id is None else title_document(catalog[title_id])
    if as_json:
        write_json(document)
    else:
        print_table(*_tables(path, document))


def bundle_document(path: Path) -> dict[str, Any]:
    """The manifest, and the weights of what the model has learned for everybody. Raises a BundleError."""
    from keyart.bundle import Slots
    from keyart.bundle.folder import check_contents, read_files
    from keyart.features import FeatureSpec
    from keyart.ranker.weights import from_bytes

    folder = path
    if path.is_dir() and not (path / "manifest.json").exists():
        folder = Slots(path).current() or path
    files = read_files(folder)
    manifest = check_contents(files)
    spec = FeatureSpec.from_json(manifest.feature_spec)
    weights = from_bytes(files["ranker.bin"], spec)
    return {
        "kind": "bundle",
        "folder": str(folder),
        "model_version": manifest.model_version,
        "parent": manifest.parent,
        "created": manifest.created,
        "digest": manifest.digest,
        "training": dict(manifest.training),
        "privacy": dict(manifest.privacy),
        "quality": dict(manifest.quality),
        "policy": dict(manifest.policy),
        "head": dict(manifest.head),
        "card": dict(manifest.card),
        "features": {
            "artwork_tags": len(spec.artwork_tags),
            "viewer_tags": len(spec.viewer_tags),
            "match_kinds": list(spec.match_kinds),
            "open_kinds": list(spec.open_kinds),
        },
        "parameters": {name: list(shape) for name, shape in manifest.parameters.items()},
        "files": {name: entry.to_json() for name, entry in manifest.files.items()},
        "weights": {
            "matches": _named(spec.match_names, weights.play_match),
            "play_by_tag": _named(spec.artwork_tags, weights.play_artwork[:, 0]),
            "keep_by_tag": _named(spec.artwork_tags, weights.keep_artwork),
        },
    }


def catalog_document(catalog: Catalog) -> dict[str, Any]:
    """Counts of a catalogue, its kinds of tags, and which pictures would be held back as misleading."""
    from keyart.features import FeatureSpec
    from keyart.features.encode import is_misleading

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


def title_document(title: Title) -> dict[str, Any]:
    """One title and its artworks."""
    from keyart.features.encode import is_misleading

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


def _named(names: Sequence[str], values: Any) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(names, values, strict=True)}


def _count(kinds: dict[str, Counter[str]], tags: Mapping[str, float]) -> None:
    from keyart.catalog import kind_of

    for tag in tags:
        kinds[kind_of(tag)][tag] += 1


def _tables(path: Path, document: dict[str, Any]) -> list[Table | str]:
    if document["kind"] == "bundle":
        return _bundle_tables(document)
    if document["kind"] == "catalog":
        return _catalog_tables(path, document)
    artworks = _table(f"{document['name'] or document['id']}: {_tags(document['tags'])}", "artwork", "tags", "notes")
    for artwork in document["artworks"]:
        notes = [name for name in ("misleading", "spoiler", "synthetic") if artwork[name]]
        artworks.add_row(artwork["id"], _tags(artwork["tags"]), ", ".join([*notes, artwork["maturity"]]).strip(", "))
    return [artworks]


def _bundle_tables(document: dict[str, Any]) -> list[Table | str]:
    about = _table(f"Bundle {document['folder']}", "field", "value")
    for name in ("model_version", "parent", "created", "digest"):
        about.add_row(name.replace("_", " "), str(document[name] if document[name] is not None else "–"))
    for name in ("training", "privacy", "quality", "policy", "head", "features"):
        about.add_row(name, ", ".join(f"{key} {_plain(value)}" for key, value in document[name].items()) or "–")
    for name in ("purpose", "data", "limits"):
        about.add_row(name, document["card"][name])
    files = _table("Files", "file", "bytes", "sha256")
    for name, entry in sorted(document["files"].items()):
        files.add_row(name, f"{entry['bytes']:,}", entry["sha256"][:16] + "…")
    learned = _table("Largest weights (logits)", "tag or match", "weight")
    weights = document["weights"]
    everything = {**weights["matches"], **weights["play_by_tag"]}
    for name, weight in sorted(everything.items(), key=lambda item: -abs(item[1]))[: 2 * EXAMPLES]:
        learned.add_row(name, f"{weight:+.3f}")
    return [about, files, learned]


def _catalog_tables(path: Path, document: dict[str, Any]) -> list[Table | str]:
    about = _table(f"Catalogue {path}", "field", "value")
    for name in ("titles", "artworks", "without_duration", "synthetic", "spoilers"):
        about.add_row(name.replace("_", " "), f"{document[name]:,}")
    per_title = document["artworks_per_title"]
    about.add_row("artworks per title", f"{per_title['fewest']} to {per_title['most']}")
    misleading = document["misleading"]
    more = ", …" if len(misleading) > EXAMPLES else ""
    about.add_row("misleading", f"{len(misleading)} {', '.join(misleading[:EXAMPLES])}{more}".strip())
    kinds = _table("Kinds of tags", "kind", "on titles", "on artworks", "vocabulary", "frequent")
    for kind, entry in document["tag_kinds"].items():
        vocabulary = "open" if entry["open"] else "closed"
        kinds.add_row(
            kind, str(entry["on_titles"]), str(entry["on_artworks"]), vocabulary, ", ".join(entry["frequent"])
        )
    return [about, kinds]


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _tags(tags: Mapping[str, float]) -> str:
    return ", ".join(f"{tag} {weight:g}" for tag, weight in tags.items())


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else ", ".join(value) if isinstance(value, list) else str(value)
