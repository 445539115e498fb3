"""Differences of two bundles or two catalogues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import keyart
from keyart import Catalog
from keyart.bundle import Manifest
from keyart.bundle.loading import load_model
from keyart.model.features import FeatureSpec
from keyart.model.ranker.weights import from_bytes

from ..model_evaluation import EvaluationSet, by_device, difference, plain, slates, value
from .bundle import folder_of
from .tables import EXAMPLES, some, table
from .tables import plain as cell

Tell = Callable[[int, int], None]
UNTOLD = (
    "files",
    "feature_spec",
    "feature_spec_sha256",
    "parameters",
    "session_config",
)  # told otherwise, or always alike


def bundles(
    first: Path,
    second: Path,
    occasions: EvaluationSet | None,
    policy: keyart.Policy,
    tell: Tell = lambda done, of: None,
) -> dict[str, Any]:
    """Compare two bundles.

    Args:
        first, second: bundle folders.
        occasions: evaluation set to compare both on; None to compare contents only.
        policy: policy of the evaluation.
        tell: called with the number of cases done and the total number.

    Raises:
        BundleError: a bundle is missing or damaged.
    """
    folders = folder_of(first), folder_of(second)
    manifests = [Manifest.read(folder) for folder in folders]
    named = [_named_weights(folder) for folder in folders]
    moved = {name: (named[0][name], named[1][name]) for name in named[0].keys() & named[1].keys()}
    furthest = sorted(
        (name for name, (one, other) in moved.items() if one != other),
        key=lambda name: (-abs(moved[name][1] - moved[name][0]), name),
    )
    told = {
        "kind": "bundles",
        "first": str(folders[0]),
        "second": str(folders[1]),
        "manifest": _differences(*(manifest_fields(manifest) for manifest in manifests)),
        "files_changed": sorted(
            name for name, entry in manifests[0].files.items() if entry != manifests[1].files.get(name)
        ),
        "weights": {
            "in_both": len(moved),
            "moved": len(furthest),
            "only_first": sorted(named[0].keys() - named[1].keys()),
            "only_second": sorted(named[1].keys() - named[0].keys()),
            "moved_most": {name: list(moved[name]) for name in furthest[: 2 * EXAMPLES]},
        },
    }
    if occasions is not None:
        told["judged"] = _judged(folders, occasions, policy, tell)
    return told


def manifest_fields(manifest: Manifest) -> dict[str, Any]:
    """Return the fields of the manifest by dotted name."""
    flat: dict[str, Any] = {"digest": manifest.digest}
    for name in Manifest.__dataclass_fields__:
        if name in UNTOLD:
            continue
        entry = getattr(manifest, name)
        flat |= (
            {f"{name}.{key}": inner for key, inner in entry.items()} if isinstance(entry, Mapping) else {name: entry}
        )
    return flat


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = sorted({*one, *other})
    return {name: [one.get(name), other.get(name)] for name in names if one.get(name) != other.get(name)}


def _named_weights(folder: Path) -> dict[str, float]:
    """Return every weight by name, so that models of different vocabularies can be compared."""
    spec = FeatureSpec.from_json(Manifest.read(folder).feature_spec)
    weights = from_bytes((folder / "ranker.bin").read_bytes(), spec)
    named = {
        f"play: {tag} × {direction}": float(weights.play_artwork[z, u])
        for z, tag in enumerate(spec.artwork_tags)
        for u, direction in enumerate(spec.direction_names)
    }
    for stage in ("play", "keep"):
        for part, names in (("match", spec.match_names), ("main", spec.main_names)):
            values = getattr(weights, f"{stage}_{part}")
            named |= {f"{stage}: {part} {name}": float(x) for name, x in zip(names, values, strict=True)}
    return named | {f"keep: {tag}": float(x) for tag, x in zip(spec.artwork_tags, weights.keep_artwork, strict=True)}


def _judged(
    folders: tuple[Path, Path], occasions: EvaluationSet, policy: keyart.Policy, tell: Tell
) -> dict[str, Any]:
    """Evaluate both models by the device's decision path, without personal heads."""
    installed = [load_model(folder, occasions.catalog, "numpy") for folder in folders]
    same, count = 0, len(occasions.each)
    credits = np.empty((2, count, 2))
    both = zip(*(slates(occasions, one, policy) for one in installed), strict=True)
    for n, (pair, occasion) in enumerate(zip(both, occasions.each, strict=True)):
        winners = []
        for m, slate in enumerate(pair):
            weighed = slate.weighed(installed[m].weights, policy.gamma(installed[m].base_rate))
            credits[m, n] = occasion.credit.of(weighed.probability)
            winners.append(int(np.where(slate.allowed, weighed.value, -np.inf).argmax()))
        same += winners[0] == winners[1]
        tell(n + 1, count)
    devices = np.array([occasion.device for occasion in occasions.each])
    sums = [by_device(devices, one) for one in credits]
    return {
        "judged_by": occasions.judged_by,
        "slates": count,
        "devices": len(sums[0]),
        "same_winner": same / count,
        "value": [plain(value(one)) for one in sums],
        "difference": plain(difference(*sums)),
        "mean_weight": [float(one[:, 1].sum() / count) for one in sums],
    }


def catalogs(first: Path, second: Path) -> dict[str, Any]:
    """Compare two catalogues.

    Raises:
        CatalogError: a file cannot be read.
    """
    one, other = ({title.id: title for title in Catalog.load(path)} for path in (first, second))
    artworks = [{a.id: a for title in titles.values() for a in title.artworks} for titles in (one, other)]
    return {
        "kind": "catalogs",
        "first": str(first),
        "second": str(second),
        "titles": _changes(one, other, {"artworks"}),
        "artworks": _changes(artworks[0], artworks[1], set()),
    }


def _changes(one: Mapping[str, Any], other: Mapping[str, Any], besides: set[str]) -> dict[str, Any]:
    """Compare titles or artworks by id, ignoring the fields in `besides`."""
    changed = {}
    for name in one.keys() & other.keys():
        known = [f for f in one[name].__dataclass_fields__ if f not in besides]
        differ = [f for f in known if getattr(one[name], f) != getattr(other[name], f)]
        if differ:
            changed[name] = differ
    return {
        "added": sorted(other.keys() - one.keys()),
        "removed": sorted(one.keys() - other.keys()),
        "changed": dict(sorted(changed.items())),
    }


def tables(document: Mapping[str, Any]) -> list[Any]:
    return _of_bundles(document) if document["kind"] == "bundles" else _of_catalogs(document)


def _of_bundles(document: Mapping[str, Any]) -> list[Any]:
    manifest = table(f"{document['first']} and {document['second']}", "manifest", "first", "second")
    for name, (one, other) in document["manifest"].items():
        manifest.add_row(name, cell(one), cell(other))
    manifest.add_row("files changed", "", cell(document["files_changed"]))
    weights = document["weights"]
    shown: list[Any] = [manifest, f"{weights['moved']:,} of {weights['in_both']:,} weights differ."]
    if weights["moved_most"]:
        moved = table("Weights that moved most (logits)", "weight", "first", "second", "by")
        for name, (one, other) in weights["moved_most"].items():
            moved.add_row(cell(name), f"{one:+.3f}", f"{other:+.3f}", f"{other - one:+.3f}")
        shown.append(moved)
    for side in ("first", "second"):
        if weights[f"only_{side}"]:
            shown.append(f"Weights of the {side} only: {some(weights[f'only_{side}'])}")
    if "judged" in document:
        shown.append(_judgement(document["judged"]))
    return shown


def _judgement(judged: Mapping[str, Any]) -> Any:
    about = f"{judged['slates']:,} slates of {judged['devices']:,} devices, without heads ({judged['judged_by']})"
    made = table(about, "figure", "value", "95 % interval")
    made.add_row("same winner", f"{judged['same_winner']:.2%}", "")
    named = {"value, first": judged["value"][0], "value, second": judged["value"][1], "apart": judged["difference"]}
    for name, one in named.items():
        sign = "+" if name == "apart" else ""
        ends = "" if one["low"] is None else f"{one['low']:{sign}.5f} to {one['high']:{sign}.5f}"
        made.add_row(name, f"{one['value']:{sign}.5f}", ends)
    for name, weight in zip(("first", "second"), judged["mean_weight"], strict=True):
        if judged["judged_by"] != "world":
            made.add_row(f"mean weight, {name}", f"{weight:.2f}", "near 1, or the log tells little")
    return made


def _of_catalogs(document: Mapping[str, Any]) -> list[Any]:
    shown = table(f"{document['first']} and {document['second']}", "", "added", "removed", "changed")
    for what in ("titles", "artworks"):
        changes = document[what]
        changed = [f"{name} ({', '.join(differ)})" for name, differ in changes["changed"].items()]
        shown.add_row(what, some(changes["added"]), some(changes["removed"]), some(changed))
    return [shown]
