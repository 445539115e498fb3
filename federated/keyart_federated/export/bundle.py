"""Writes a model as a bundle: the folder that devices install and ports in other languages read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from keyart import Catalog
from keyart.bundle.manifest import Manifest
from keyart.errors import SettingError
from keyart.model.features.spec import SENSITIVE_KINDS
from keyart.model.head import HeadPrior
from keyart.model.latents import quantize_latents
from keyart.model.ranker.weights import weight_shapes, weights_to_bytes

from ..learning.model import Doubles, Model
from . import graphs, vectors

CARD = {
    "purpose": "Chooses which picture of a title to show, on the viewer's own device.",
    "limits": "Scores are probabilities of a quality play for pictures of one title; they compare no titles, and "
    "say nothing about a person. Tags that the feature spec does not name are ignored.",
    "forbidden_features_checked": sorted(SENSITIVE_KINDS),
}


def write_bundle(
    folder: Path,
    model: Model,
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
    """The bundle of `model` in `folder` (replaced if it is there). data: what it was trained on, for the card.

    training: at least round and devices. card: other words for its purpose and limits. check: gets the whole bundle
    before `folder` is touched; what it raises leaves all as it was. Appeals are by artwork id, so that a device with
    another catalogue uses those that it knows; of `catalog` only the ids count.
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
        "vectors.json": _json({"cases": vectors.cases(spec, weights)}),
    }
    prior = head or HeadPrior()
    manifest = Manifest.build(
        files,
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
        for name, content in {**files, "manifest.json": manifest.to_bytes()}.items():
            (staging / name).write_bytes(content)
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


def _numbers(ids: list[str], table: Doubles) -> dict[str, Any]:
    """Whole numbers by id, and what they are multiplied with; ids with nothing but 0 are left out."""
    numbers, scale = quantize_latents(table)
    return {"scale": scale, "numbers": {one: row for one, row in zip(ids, numbers.tolist(), strict=True) if any(row)}}


def _json(document: Any) -> bytes:
    return (json.dumps(document, ensure_ascii=False, sort_keys=True) + "\n").encode()
