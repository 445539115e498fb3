"""The rules that a bundle must meet before any part of it is used. Pure: values in, an error or nothing out.

Signatures show who published a bundle; these rules restrict what even a publisher may put into one. Rules for the
ONNX files are in `graph_rules`, those for the exact expected scores in `reference_vectors`. `keyart.bundle.verify`
applies all.

A broken rule raises BundleDamaged if bytes differ from the manifest, else BundleRefused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, TypeGuard

from ..errors import BundleDamaged, BundleRefused
from .fields import FileEntry
from .manifest import IR_VERSION, MANIFEST_NAME, MAX_MANIFEST_BYTES, OPSET, Manifest, feature_spec_digest

if TYPE_CHECKING:
    from ..model.features.spec import FeatureSpec

MB = 1_000_000
MAX_TOTAL_BYTES = 64 * MB
MAX_FILE_BYTES: Mapping[str, int] = {
    MANIFEST_NAME: MAX_MANIFEST_BYTES,
    "ranker.onnx": 8 * MB,
    "ranker.bin": 8 * MB,
    "train.onnx": 8 * MB,
    "vocabulary.json": 48 * MB,
    "vectors.json": 8 * MB,
}
FILES = frozenset(MAX_FILE_BYTES) - {MANIFEST_NAME}  # format 1 has these, and no others
MAX_CONTAINERS = 1_200_000  # lists and objects of a JSON file: "[]," takes 3 bytes on the wire and 64 in memory
MAX_TASTE, MAX_APPEAL = 10.0, 50.0  # shares of a history are in 0–1, before noise; a logit of 50 decides anything
MAX_LATENT_SCALE = 10.0  # so that the largest latents, one of a viewer and one of a picture, can decide anything


def check_name(name: str) -> None:
    """Check that a name is a plain file name: nothing that leads out of the bundle's folder, on any system."""
    if re.fullmatch(r"[a-z0-9][a-z0-9_]*(\.[a-z0-9_]+)*", name, re.ASCII) is None or len(name) > 64:
        raise BundleRefused(f"The bundle names a file {name[:80]!r}; only plain names are allowed.")


def check_listing(present: Collection[str], manifest: Manifest) -> None:
    """Check that exactly the files of the format are listed, and exactly those and the manifest are there."""
    for name in (*manifest.files, *present):
        check_name(name)
    if odd := sorted(set(manifest.files) ^ FILES):
        raise BundleRefused(f"The manifest lacks, or should not list: {', '.join(odd)}. Build the bundle again.")
    if missing := sorted(FILES - set(present)):
        raise BundleDamaged(f"The bundle lacks {', '.join(missing)}; fetch it again.")
    if unlisted := sorted(set(present) - FILES - {MANIFEST_NAME}):
        raise BundleRefused(f"The bundle holds {', '.join(unlisted)}, which its manifest does not list.")


def check_sizes(sizes: Mapping[str, int]) -> None:
    """Check that each file, and all together, are within the limits of a device."""
    for name, size in sizes.items():
        limit = MAX_FILE_BYTES.get(name, MAX_TOTAL_BYTES)
        if size > limit:
            raise BundleRefused(f"{name} has {size:,} bytes, more than the {limit:,} that a bundle may hold.")
    if (total := sum(sizes.values())) > MAX_TOTAL_BYTES:
        raise BundleRefused(f"The bundle has {total:,} bytes, more than the limit of {MAX_TOTAL_BYTES:,}.")


def check_digests(found: Mapping[str, FileEntry], manifest: Manifest) -> None:
    """Check that every file has the size and the sha256 of the manifest."""
    for name, entry in manifest.files.items():
        if found.get(name) != entry:
            raise BundleDamaged(f"{name} is not the file that {MANIFEST_NAME} describes; fetch the bundle again.")


def check_versions(manifest: Manifest) -> None:
    """Check that opset and IR are those that every runtime of the field reads."""
    if (manifest.opset, manifest.ir_version) != (OPSET, IR_VERSION):
        raise BundleRefused(
            f"The bundle is made for opset {manifest.opset} and IR {manifest.ir_version}; this keyart runs "
            f"opset {OPSET} and IR {IR_VERSION}. Update keyart, or export the bundle again."
        )


def check_feature_spec(manifest: Manifest) -> FeatureSpec:
    """Return the feature spec if it is the one that the model was trained with and this keyart can compute it.

    The manifest's parameters are then those of its ranker.
    """
    from ..model.features.spec import FeatureSpec
    from ..model.ranker.weights import weight_shapes

    if feature_spec_digest(manifest.feature_spec) != manifest.feature_spec_sha256:
        raise BundleRefused("The feature spec does not fit its sha256. Build the bundle again.")
    spec = FeatureSpec.from_json(manifest.feature_spec)
    if dict(manifest.parameters) != weight_shapes(spec):
        raise BundleRefused("The parameters do not fit the feature spec. Build the bundle again.")
    return spec


def check_parent(manifest: Manifest) -> None:
    """Check that a model comes from an older one, or from none."""
    if manifest.parent is not None and manifest.parent >= manifest.model_version:
        raise BundleRefused(
            f"Model {manifest.model_version} says it was made from {manifest.parent}, which is not older. "
            "Build the bundle again with a higher model version."
        )


def check_succession(manifest: Manifest, installed: Manifest) -> None:
    """Check that a bundle never goes back: it is a newer model, or the very bundle that is installed."""
    if manifest.model_version < installed.model_version:
        raise BundleRefused(
            f"Model {manifest.model_version} is older than the installed {installed.model_version}; "
            "bundles only go forward. To go back, publish the old weights under a new model version."
        )
    if manifest.model_version == installed.model_version and manifest.digest != installed.digest:
        raise BundleRefused(f"There is another model {manifest.model_version} installed; use a new version.")


def check_vocabulary(data: bytes, viewer_size: int) -> None:
    """Check that `vocabulary.json` is a JSON object whose taste and appeal are finite numbers in range.

    Args:
        data: The file.
        viewer_size: Length of the taste, by the feature spec.
    """
    document = load_json(data, "vocabulary.json")
    if not isinstance(document, dict):
        raise BundleRefused("vocabulary.json must be a JSON object. Build the bundle again.")
    taste, appeal = document.get("population_taste"), document.get("appeal")
    if not _numbers(taste, MAX_TASTE) or len(taste) != viewer_size:
        raise BundleRefused("'population_taste' in vocabulary.json must be shares. Build the bundle again.")
    pairs = appeal.values() if isinstance(appeal, dict) else [None]
    if not all(_numbers(pair, MAX_APPEAL) and len(pair) == 2 for pair in pairs):
        raise BundleRefused("'appeal' in vocabulary.json must give each id two logits. Build the bundle again.")
    if "latents" in document:
        _check_latents(document["latents"])


def _check_latents(document: object) -> None:
    """Check the latents of titles and of artworks: a scale a column, and as many integers for each id."""
    from ..model.latents import LATENTS, MAX_QUANTIZED

    tables = [document.get(name) for name in ("titles", "artworks")] if isinstance(document, dict) else [None]
    for table in tables:
        scale, numbers = (
            (table.get(name) for name in ("scale", "numbers")) if isinstance(table, dict) else (None, None)
        )
        rows = numbers.values() if isinstance(numbers, dict) else [None]
        fits = _numbers(scale, MAX_LATENT_SCALE) and len(scale) == LATENTS
        if not fits or not all(_whole(row, MAX_QUANTIZED) and len(row) == LATENTS for row in rows):
            raise BundleRefused(
                f"'latents' in vocabulary.json must hold {LATENTS} whole numbers for each id, and their scale. Build "
                "the bundle again."
            )


def load_json(data: bytes, name: str) -> object:
    """Read strict JSON: no NaN, no number beyond a double, no key twice.

    Of a key that stands twice, readers would disagree on which one counts.
    """

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        document = dict(pairs)
        if len(document) != len(pairs):
            raise ValueError("a key twice")
        return document

    def no_constant(text: str) -> object:
        raise ValueError(f"the constant {text}")

    def finite(text: str) -> float:
        if math.isinf(value := float(text)):
            raise ValueError(f"the number {text[:40]}")
        return value

    if data.count(b"[") + data.count(b"{") > MAX_CONTAINERS:
        raise BundleRefused(f"{name} holds more than {MAX_CONTAINERS:,} lists and objects. Build the bundle again.")
    try:
        document: object = json.loads(
            data.decode(), object_pairs_hook=unique, parse_constant=no_constant, parse_float=finite
        )
    except (ValueError, RecursionError) as error:
        raise BundleRefused(f"{name} is not strict JSON ({error}). Build the bundle again.") from None
    return document


def _whole(value: object, most: int) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(x) is int and abs(x) <= most for x in value)


def _numbers(value: object, most: float) -> TypeGuard[list[float]]:
    return isinstance(value, list) and all(type(x) in (int, float) and abs(x) <= most for x in value)
