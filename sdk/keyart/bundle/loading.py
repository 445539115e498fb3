"""Loading: from a bundle's folder to the model that a device chooses with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..catalog import Catalog
from ..errors import BundleMissing, BundleRefused
from ..model.features import EncodedCatalog, FeatureSpec
from ..model.head import HeadPrior
from ..model.latents import LATENTS, Latents, dequantize_latents
from ..model.loaded_model import LoadedModel
from ..model.ranker import Engine, NumpyRanker, load_ranker
from ..model.ranker.weights import weights_from_bytes
from ..types import Floats
from .folder import check_contents, read_files, verify, verify_files
from .slots import Slots
from .trust import MAX_APPEAL, MAX_LATENT_SCALE, MAX_TASTE


def load_model(folder: str | Path, catalog: Catalog, engine: Engine) -> LoadedModel:
    """Load the bundle in `folder`, or the current one of a folder of slots (`keyart.bundle.Slots`).

    A bundle in a slot met every rule when it was installed, so its files are only compared with the manifest. Any
    other bundle has to meet the rules here, except the canary, which needs the engine.

    Args:
        folder: Folder of the bundle or of slots.
        catalog: The catalogue.
        engine: Engine of the ranker.

    Raises:
        BundleMissing: There is no bundle.
        BundleDamaged: A file differs from the manifest.
        BundleRefused: A rule is broken.
        EngineError: The engine is not installed.
    """
    path = bundle_in(folder)
    files = read_files(path)
    manifest = verify_files(files) if path == Path(folder) else check_contents(files)
    spec = FeatureSpec.from_json(manifest.feature_spec)
    encoded = EncodedCatalog(catalog, spec)
    taste, appeal, latents = _vocabulary(files["vocabulary.json"], spec, catalog)
    ranker = load_ranker(path, spec, manifest.session_config, engine, files)
    return LoadedModel(
        version=manifest.model_version,
        encoded=encoded,
        ranker=ranker,
        weights=ranker.weights if isinstance(ranker, NumpyRanker) else weights_from_bytes(files["ranker.bin"], spec),
        population_taste=taste,
        appeal=appeal,
        latents=latents,
        prior=HeadPrior(**manifest.head),
        base_rate=manifest.policy["base_rate"],
    )


def check_bundle(folder: str | Path, model: LoadedModel) -> None:
    """Check all rules of `keyart.bundle`, and the canary on the engine of `model`.

    Raises:
        BundleError: A rule is broken.
    """
    verify(bundle_in(folder), run=model.ranker.run)


def bundle_in(folder: str | Path) -> Path:
    """Return `folder` itself, or the current slot of a folder of slots.

    Raises:
        BundleMissing: It holds no bundle.
    """
    path = Path(folder)
    if not path.is_dir() or (path / "manifest.json").exists():
        return path
    current = Slots(path).current()
    if current is None:
        raise BundleMissing(
            f"No bundle at {path}: neither a manifest.json nor an installed slot. Install one, or open the profile "
            "without a bundle."
        )
    return current


def _vocabulary(data: bytes, spec: FeatureSpec, catalog: Catalog) -> tuple[Floats, Floats, Latents | None]:
    try:
        document = json.loads(data)
        taste = np.array(document["population_taste"], dtype=np.float64)
        appeal_by_id = document["appeal"]
        rows = [appeal_by_id.get(artwork_id, (0.0, 0.0)) for artwork_id in catalog.titles.artwork_ids()]
        appeal = np.array(rows, dtype=np.float64)
        latents = _latents(document.get("latents"), catalog)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BundleRefused(
            f"vocabulary.json cannot be read ({type(error).__name__}). Build the bundle again."
        ) from None
    fits = taste.shape == (spec.viewer_size,) and appeal.shape == (len(rows), 2)
    if not fits or not (np.abs(taste) <= MAX_TASTE).all() or not (np.abs(appeal) <= MAX_APPEAL).all():  # nor a NaN
        raise BundleRefused("vocabulary.json does not fit the feature spec. Build the bundle again.")
    return taste.astype(np.float32), appeal.astype(np.float32), latents


def _latents(document: Any, catalog: Catalog) -> Latents | None:
    """Read latents. A document of another shape raises whatever its reading raises."""
    if document is None:
        return None
    ids = {"titles": catalog.titles.title_ids(), "artworks": catalog.titles.artwork_ids()}
    tables = []
    for name, listed in ids.items():
        scale, numbers_by_id = np.array(document[name]["scale"], dtype=np.float64), document[name]["numbers"]
        if scale.shape != (LATENTS,) or not (np.abs(scale) <= MAX_LATENT_SCALE).all():  # nor a NaN
            raise ValueError("a scale out of range")
        numbers = np.array([numbers_by_id.get(id_, (0,) * LATENTS) for id_ in listed], dtype=np.int8)
        tables.append(dequantize_latents(numbers.reshape(len(listed), LATENTS), scale.tolist()))
    return Latents(*tables)
