"""A bundle: its manifest, and the weights that all devices share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keyart.bundle import Slots, check_contents, read_files
from keyart.errors import BundleMissing
from keyart.model import FeatureSpec, Weights, weights_from_bytes

from .tables import EXAMPLES, plain, table


def folder_of(path: Path) -> Path:
    """Return `path`, or the current slot if it is a folder of installed bundles.

    Raises:
        BundleMissing: there is no bundle.
    """
    if (path / "manifest.json").exists():
        return path
    current = Slots(path).current() if path.is_dir() else None
    if current is None:
        raise BundleMissing(f"No bundle at {path}: name the folder of one, which holds its manifest.json.")
    return current


def document(path: Path) -> dict[str, Any]:
    """Describe the bundle.

    Raises:
        BundleError: the bundle is missing or damaged.
    """
    folder = folder_of(path)
    files = read_files(folder)
    manifest = check_contents(files)
    spec = FeatureSpec.from_json(manifest.feature_spec)
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
        "features": features(spec),
        "parameters": {name: list(shape) for name, shape in manifest.parameters.items()},
        "files": {name: entry.to_json() for name, entry in manifest.files.items()},
        "weights": weights_by_name(spec, weights_from_bytes(files["ranker.bin"], spec)),
    }


def features(spec: FeatureSpec) -> dict[str, Any]:
    """Return the sizes of the feature spec."""
    return {
        "artwork_tags": len(spec.artwork_tags),
        "viewer_tags": len(spec.viewer_tags),
        "match_kinds": list(spec.match_kinds),
        "open_kinds": list(spec.open_kinds),
    }


def weights_by_name(spec: FeatureSpec, weights: Weights) -> dict[str, dict[str, float]]:
    """Return the weights, in logits, that apply to every viewer."""
    return {
        "matches": _named(spec.match_names, weights.play_match),
        "play_by_tag": _named(spec.artwork_tags, weights.play_artwork[:, 0]),
        "keep_by_tag": _named(spec.artwork_tags, weights.keep_artwork),
    }


def tables(document: Mapping[str, Any]) -> list[Any]:
    """Return tables of the document."""
    about = table(f"Bundle {document['folder']}", "field", "value")
    about.add_row("model version", str(document["model_version"]))
    for name in ("parent", "created", "digest"):
        about.add_row(name, "–" if document[name] is None else str(document[name]))
    for name in ("training", "privacy", "quality", "policy", "head", "features"):
        about.add_row(name, plain(document[name]))
    for name in ("purpose", "data", "limits"):
        about.add_row(name, plain(document["card"][name]))
    files = table("Files", "file", "bytes", "sha256")
    for name, entry in sorted(document["files"].items()):
        files.add_row(name, f"{entry['bytes']:,}", entry["sha256"][:16] + "…")
    return [about, files, largest(document["weights"])]


def largest(weights: Mapping[str, Mapping[str, float]]) -> Any:
    """Return a table of the largest weights of `weights_by_name`."""
    learned = table("Largest weights (logits)", "tag or match", "weight")
    everything = {**weights["matches"], **weights["play_by_tag"]}
    for name, weight in sorted(everything.items(), key=lambda item: -abs(item[1]))[: 2 * EXAMPLES]:
        learned.add_row(plain(name), f"{weight:+.3f}")
    return learned


def _named(names: Sequence[str], values: Any) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(names, values, strict=True)}
