"""The writer of bundles: the folder that devices install and ports in other languages read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from keyart import Catalog
from keyart.bundle import Manifest, load_model
from keyart.errors import SettingError
from keyart.model import SENSITIVE_KINDS, FeatureSpec, HeadPrior, quantize_latents, weight_shapes, weights_to_bytes

from ..learning.model import GlobalModel
from ..types import Doubles
from . import conformance_cases, conformance_vectors, graphs

CARD = {
    "purpose": "Chooses which picture of a title to show, on the viewer's own device.",
    "limits": "Scores are probabilities of a quality play for pictures of one title; they compare no titles, and "
    "say nothing about a person. Tags that the feature spec does not name are ignored.",
    "forbidden_features_checked": sorted(SENSITIVE_KINDS),
}


def write_bundle(
    folder: Path,
    model: GlobalModel,
    catalog: Catalog,
    *,
    data: str,
    training: Mapping[str, Any],
    quality: Mapping[str, float] | None = None,
    privacy: Mapping[str, float | None] | None = None,
    head: HeadPrior | None = None,
    parent: int | None = None,
    created: datetime | None = None,
    card: Mapping[str, str] | None = None,
    check: Callable[[Path], object] = lambda folder: None,
) -> Path:
    """Write a model as a bundle and return its folder.

    Appeals are stored by artwork id, so that a device with another catalogue uses those that it knows.

    Args:
        folder: Folder of the bundle, replaced if it is there.
        model: The model.
        catalog: The catalogue; only its ids count.
        data: What the model was trained on, for the model card.
        training: At least "round" and "devices".
        quality: Measured quality, by metric.
        privacy: "epsilon" and "delta" that were spent.
        head: Prior of the personal head.
        parent: Version that the model follows.
        created: Time of the manifest.
        card: Other words for the card's purpose and limits.
        check: Called with the whole bundle before `folder` is touched; if it raises, all stays as it was.

    Raises:
        SettingError: The folder has no name.
        BundleError: A device would refuse the bundle.
    """
    if not folder.name:
        raise SettingError(f"A bundle is put in place by its name, which {folder} has not; name a folder.")
    spec = model.spec
    weights = model.weights
    artworks = [artwork.id for title in catalog for artwork in title.artworks]
    appeal = {
        name: [round(float(x), 4) for x in values]
        for name, values in zip(artworks, model.appeal, strict=True)
        if np.abs(values).max() >= 5e-5
    }
    vocabulary: dict[str, Any] = {
        "population_taste": [round(float(x), 6) for x in model.population_taste],
        "appeal": appeal,
    }
    if model.title_latents.any():
        titles = [title.id for title in catalog]
        vocabulary["latents"] = {
            "titles": _numbers(titles, model.title_latents),
            "artworks": _numbers(artworks, model.artwork_latents),
        }
    files = {
        "ranker.onnx": graphs.ranker(spec).SerializeToString(deterministic=True),
        "ranker.bin": weights_to_bytes(weights, spec),
        "train.onnx": graphs.training(spec).SerializeToString(deterministic=True),
        "vocabulary.json": _json(vocabulary),
        "vectors.json": _json({"cases": conformance_vectors.cases(spec, weights)}),
    }
    prior = head or HeadPrior()
    manifest_of = partial(
        Manifest.build,
        model_version=model.version,
        parent=parent,
        created=created or datetime.now(UTC),
        feature_spec=spec.to_json(),
        parameters=weight_shapes(spec),
        training=training,
        privacy=privacy or {"epsilon": None, "delta": None},
        quality=quality or {},
        card={**CARD, **(card or {}), "data": data},
        policy={"base_rate": float(model.base_rate)},
        head={"tag_variance": prior.tag_variance, "bias_variance": prior.bias_variance},
    )
    staging, older = (folder.with_name(f"{folder.name}.{part}") for part in ("partial", "older"))
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        for name, content in {**files, "manifest.json": manifest_of(files).to_bytes()}.items():
            (staging / name).write_bytes(content)
        files["conformance.json"] = _conformance(staging, spec, catalog)
        (staging / "conformance.json").write_bytes(files["conformance.json"])
        (staging / "manifest.json").write_bytes(manifest_of(files).to_bytes())
        check(staging)
        if folder.is_dir():
            shutil.rmtree(older, ignore_errors=True)
            folder.rename(older)
        staging.rename(folder)
    finally:
        if older.exists() and not folder.exists():  # cut off between the two
            older.rename(folder)
        for left in (staging, older):
            shutil.rmtree(left, ignore_errors=True)
    return folder


def _conformance(folder: Path, spec: FeatureSpec, names: Catalog) -> bytes:
    """Return `conformance.json` of the bundle in a folder, computed by the model as a device loads it."""
    catalog = conformance_cases.small_catalog(spec, names)
    document = conformance_cases.document(load_model(folder, catalog, "numpy"), catalog)
    return (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _numbers(ids: list[str], table: Doubles) -> dict[str, Any]:
    """Return whole numbers by id, and their scale; ids with nothing but 0 are left out."""
    numbers, scale = quantize_latents(table)
    return {"scale": scale, "numbers": {one: row for one, row in zip(ids, numbers.tolist(), strict=True) if any(row)}}


def _json(document: Any) -> bytes:
    return (json.dumps(document, ensure_ascii=False, sort_keys=True) + "\n").encode()
