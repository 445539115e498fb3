"""The gates that a bundle goes through by itself, before a device is asked about it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from keyart.bundle import Manifest, verify
from keyart.bundle.folder import read_files
from keyart.bundle.reference_vectors import check_vectors, parse_vectors
from keyart.errors import BundleError, KeyartError
from keyart.model.features import FeatureSpec

from ..bundles.shelf import ranker_of
from .gate import Gate

GROWTH: Final = 1.5  # times the size of the bundle before: every device fetches it


def of_bundle(folder: Path, base: Manifest | None) -> tuple[Gate, ...]:
    """What the bundle in `folder` says of itself. base: the one that it follows; None: nothing to compare with."""
    try:
        manifest = Manifest.read(folder)
    except BundleError as error:
        return (Gate("whole", "failed", str(error), {}),)
    gates = _whole(folder), _features(manifest, base), _size(manifest, base)
    if gates[0].verdict == "failed":  # no engine is given a graph that breaks a rule
        return gates
    return (*gates, _canary(folder))


def _whole(folder: Path) -> Gate:
    try:
        verify(folder)
    except BundleError as error:
        return Gate("whole", "failed", str(error), {})
    return Gate("whole", "passed", "All files are as the manifest says, and within every rule for devices.", {})


def _canary(folder: Path) -> Gate:
    cases = parse_vectors(read_files(folder)["vectors.json"])
    try:
        check_vectors(ranker_of(folder), cases)
    except KeyartError as error:
        return Gate("canary", "failed", str(error), {"cases": len(cases)})
    return Gate("canary", "passed", f"It gives the expected scores in all {len(cases)} cases.", {"cases": len(cases)})


def _features(manifest: Manifest, base: Manifest | None) -> Gate:
    """Sensitive kinds are refused where the spec is read; another spec than before is for a person to see."""
    try:
        FeatureSpec.from_json(manifest.feature_spec)
    except BundleError as error:
        return Gate("features", "failed", str(error), {})
    if base is not None and manifest.feature_spec_sha256 != base.feature_spec_sha256:
        sentence = (
            f"It looks at other features than model {base.model_version}; every personal head is fitted anew. See "
            "what has changed with keyart inspect."
        )
        return Gate("features", "unclear", sentence, {})
    return Gate("features", "passed", "No feature is of a sensitive kind.", {})


def _size(manifest: Manifest, base: Manifest | None) -> Gate:
    size, before = _bytes(manifest), None if base is None else _bytes(base)
    numbers = {"bytes": float(size), "before": before}
    if before is not None and size > GROWTH * before:
        sentence = (
            f"A device fetches {size:,} bytes, more than {GROWTH:g} times the {before:,.0f} of the model before."
        )
        return Gate("size", "unclear", sentence, numbers)
    return Gate("size", "passed", f"A device fetches {size:,} bytes.", numbers)


def _bytes(manifest: Manifest) -> int:
    return len(manifest.to_bytes()) + sum(entry.size for entry in manifest.files.values())
