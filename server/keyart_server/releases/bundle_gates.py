"""The gates that need no device: integrity, features, size and expected scores of a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from keyart.bundle import Manifest, verify
from keyart.bundle.folder import read_files
from keyart.bundle.reference_vectors import check_vectors, parse_vectors
from keyart.errors import BundleError, KeyartError
from keyart.model.features import FeatureSpec

from ..bundles.published_bundles import lazy_ranker
from .gate import Gate

MAX_SIZE_GROWTH: Final = 1.5  # relative to the previous bundle, since every device downloads it


def check_bundle_gates(folder: Path, base: Manifest | None) -> tuple[Gate, ...]:
    """Run the gates on the bundle in `folder`; `base` is the manifest of the model that it follows, if any."""
    try:
        manifest = Manifest.read(folder)
    except BundleError as error:
        return (Gate("integrity", "failed", str(error), {}),)
    gates = _integrity(folder), _features(manifest, base), _size(manifest, base)
    if gates[0].verdict == "failed":  # a graph that breaks a rule is not loaded
        return gates
    return (*gates, _canary(folder))


def _integrity(folder: Path) -> Gate:
    try:
        verify(folder)
    except BundleError as error:
        return Gate("integrity", "failed", str(error), {})
    return Gate("integrity", "passed", "All files match the manifest and satisfy the rules that devices apply.", {})


def _canary(folder: Path) -> Gate:
    cases = parse_vectors(read_files(folder)["vectors.json"])
    try:
        check_vectors(lazy_ranker(folder), cases)
    except KeyartError as error:
        return Gate("canary", "failed", str(error), {"cases": len(cases)})
    return Gate(
        "canary",
        "passed",
        f"The model reproduces the expected scores in all {len(cases)} cases.",
        {"cases": len(cases)},
    )


def _features(manifest: Manifest, base: Manifest | None) -> Gate:
    """Refuse sensitive kinds; a feature spec that differs from the base's needs a decision."""
    try:
        FeatureSpec.from_json(manifest.feature_spec)
    except BundleError as error:
        return Gate("features", "failed", str(error), {})
    if base is not None and manifest.feature_spec_sha256 != base.feature_spec_sha256:
        sentence = (
            f"Its features differ from those of model {base.model_version}, so every personal head is refitted. "
            "Compare the two with keyart inspect."
        )
        return Gate("features", "unclear", sentence, {})
    return Gate("features", "passed", "No feature is of a sensitive kind.", {})


def _size(manifest: Manifest, base: Manifest | None) -> Gate:
    size, base_size = _bytes(manifest), None if base is None else _bytes(base)
    numbers = {"bytes": float(size), "before": base_size}
    if base_size is not None and size > MAX_SIZE_GROWTH * base_size:
        sentence = (
            f"A device downloads {size:,} bytes, more than {MAX_SIZE_GROWTH:g} times the {base_size:,.0f} bytes "
            "of the previous model."
        )
        return Gate("size", "unclear", sentence, numbers)
    return Gate("size", "passed", f"A device downloads {size:,} bytes.", numbers)


def _bytes(manifest: Manifest) -> int:
    return len(manifest.to_bytes()) + sum(entry.size for entry in manifest.files.values())
