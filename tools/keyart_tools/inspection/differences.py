"""Differences of two bundles or two catalogues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import keyart
from keyart import Catalog
from keyart.bundle import Manifest, load_model
from keyart.model import FeatureSpec, weights_from_bytes

from ..model_evaluation import EvaluationSet, by_device, difference, plain, slates, value
from .bundle import folder_of
from .tables import EXAMPLES, some, table
from .tables import plain as cell

Tell = Callable[[int, int], None]
IGNORED_FIELDS = (
    "files",
    "feature_spec",
    "feature_spec_sha256",
    "parameters",
    "session_config",
)  # reported otherwise, or always equal


def bundles(
    first: Path,
    second: Path,
    evaluation_set: EvaluationSet | None,
    policy: keyart.Policy,
    tell: Tell = lambda done, of: None,
) -> dict[str, Any]:
    """Compare two bundles.

    Args:
        first: a bundle folder.
        second: the bundle folder to compare it with.
        evaluation_set: evaluation set to compare both on; None to compare contents only.
        policy: policy of the evaluation.
        tell: called with the number of cases done and the total number.

    Raises:
        BundleError: a bundle is missing or damaged.
    """
    folders = folder_of(first), folder_of(second)
    manifests = [Manifest.read(folder) for folder in folders]
    named = [_named_weights(folder) for folder in folders]
    moved = {name: (named[0][name], named[1][name]) for name in named[0].keys() & named[1].keys()}
    most_moved = sorted(
        (name for name, (before, after) in moved.items() if before != after),
        key=lambda name: (-abs(moved[name][1] - moved[name][0]), name),
    )
    document = {
        "kind": "bundles",
        "first": str(folders[0]),
        "second": str(folders[1]),
        "manifest": _differences(*(manifest_fields(manifest) for manifest in manifests)),
        "files_changed": sorted(
            name for name, entry in manifests[0].files.items() if entry != manifests[1].files.get(name)
        ),
        "weights": {
            "in_both": len(moved),
            "moved": len(most_moved),
            "only_first": sorted(named[0].keys() - named[1].keys()),
            "only_second": sorted(named[1].keys() - named[0].keys()),
            "moved_most": {name: list(moved[name]) for name in most_moved[: 2 * EXAMPLES]},
        },
    }
    if evaluation_set is not None:
        document["judged"] = _judged(folders, evaluation_set, policy, tell)
    return document


def manifest_fields(manifest: Manifest) -> dict[str, Any]:
    """Return the fields of the manifest by dotted name."""
    flat: dict[str, Any] = {"digest": manifest.digest}
    for name in Manifest.__dataclass_fields__:
        if name in IGNORED_FIELDS:
            continue
        entry = getattr(manifest, name)
        flat |= (
            {f"{name}.{key}": inner for key, inner in entry.items()} if isinstance(entry, Mapping) else {name: entry}
        )
    return flat


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = sorted({*first, *second})
    return {name: [first.get(name), second.get(name)] for name in names if first.get(name) != second.get(name)}


def _named_weights(folder: Path) -> dict[str, float]:
    """Return every weight by name, so that models of different vocabularies can be compared."""
    spec = FeatureSpec.from_json(Manifest.read(folder).feature_spec)
    weights = weights_from_bytes((folder / "ranker.bin").read_bytes(), spec)
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
    folders: tuple[Path, Path], evaluation_set: EvaluationSet, policy: keyart.Policy, tell: Tell
) -> dict[str, Any]:
    """Evaluate both models by the device's decision path, without personal heads."""
    installed = [load_model(folder, evaluation_set.catalog, "numpy") for folder in folders]
    same_winners, count = 0, len(evaluation_set.each)
    credits = np.empty((2, count, 2))
    both = zip(*(slates(evaluation_set, model, policy) for model in installed), strict=True)
    for n, (pair, case) in enumerate(zip(both, evaluation_set.each, strict=True)):
        winners = []
        for m, slate in enumerate(pair):
            weighed = slate.weighed(installed[m].weights, policy.gamma(installed[m].base_rate))
            credits[m, n] = case.credit.of(weighed.probability)
            winners.append(int(np.where(slate.allowed, weighed.value, -np.inf).argmax()))
        same_winners += winners[0] == winners[1]
        tell(n + 1, count)
    devices = np.array([case.device for case in evaluation_set.each])
    sums = [by_device(devices, model) for model in credits]
    return {
        "judged_by": evaluation_set.judged_by,
        "slates": count,
        "devices": len(sums[0]),
        "same_winner": same_winners / count,
        "value": [plain(value(model)) for model in sums],
        "difference": plain(difference(*sums)),
        "mean_weight": [float(model[:, 1].sum() / count) for model in sums],
    }


def catalogs(first: Path, second: Path) -> dict[str, Any]:
    """Compare two catalogues.

    Raises:
        CatalogError: a file cannot be read.
    """
    before, after = ({title.id: title for title in Catalog.load(path)} for path in (first, second))
    artworks = [{a.id: a for title in titles.values() for a in title.artworks} for titles in (before, after)]
    return {
        "kind": "catalogs",
        "first": str(first),
        "second": str(second),
        "titles": _changes(before, after, {"artworks"}),
        "artworks": _changes(artworks[0], artworks[1], set()),
    }


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], besides: set[str]) -> dict[str, Any]:
    """Compare titles or artworks by id, ignoring the fields in `besides`."""
    changed = {}
    for name in before.keys() & after.keys():
        fields = [f for f in before[name].__dataclass_fields__ if f not in besides]
        differ = [f for f in fields if getattr(before[name], f) != getattr(after[name], f)]
        if differ:
            changed[name] = differ
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": dict(sorted(changed.items())),
    }


def tables(document: Mapping[str, Any]) -> list[Any]:
    """Return tables of the document."""
    return _of_bundles(document) if document["kind"] == "bundles" else _of_catalogs(document)


def _of_bundles(document: Mapping[str, Any]) -> list[Any]:
    manifest = table(f"{document['first']} and {document['second']}", "manifest", "first", "second")
    for name, (before, after) in document["manifest"].items():
        manifest.add_row(name, cell(before), cell(after))
    manifest.add_row("files changed", "", cell(document["files_changed"]))
    weights = document["weights"]
    sections: list[Any] = [manifest, f"{weights['moved']:,} of {weights['in_both']:,} weights differ."]
    if weights["moved_most"]:
        moved = table("Weights that moved most (logits)", "weight", "first", "second", "by")
        for name, (before, after) in weights["moved_most"].items():
            moved.add_row(cell(name), f"{before:+.3f}", f"{after:+.3f}", f"{after - before:+.3f}")
        sections.append(moved)
    for side in ("first", "second"):
        if weights[f"only_{side}"]:
            sections.append(f"Weights of the {side} only: {some(weights[f'only_{side}'])}")
    if "judged" in document:
        sections.append(_judgement(document["judged"]))
    return sections


def _judgement(judged: Mapping[str, Any]) -> Any:
    about = f"{judged['slates']:,} slates of {judged['devices']:,} devices, without heads ({judged['judged_by']})"
    figures = table(about, "figure", "value", "95 % interval")
    figures.add_row("same winner", f"{judged['same_winner']:.2%}", "")
    named = {"value, first": judged["value"][0], "value, second": judged["value"][1], "apart": judged["difference"]}
    for name, estimate in named.items():
        sign = "+" if name == "apart" else ""
        ends = "" if estimate["low"] is None else f"{estimate['low']:{sign}.5f} to {estimate['high']:{sign}.5f}"
        figures.add_row(name, f"{estimate['value']:{sign}.5f}", ends)
    for name, weight in zip(("first", "second"), judged["mean_weight"], strict=True):
        if judged["judged_by"] != "world":
            figures.add_row(f"mean weight, {name}", f"{weight:.2f}", "near 1, or the log tells little")
    return figures


def _of_catalogs(document: Mapping[str, Any]) -> list[Any]:
    shown = table(f"{document['first']} and {document['second']}", "", "added", "removed", "changed")
    for what in ("titles", "artworks"):
        changes = document[what]
        changed = [f"{name} ({', '.join(differ)})" for name, differ in changes["changed"].items()]
        shown.add_row(what, some(changes["added"]), some(changes["removed"]), some(changed))
    return [shown]
