"""What a device chooses with: a verified bundle, or, before the first one, a model that prefers nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .catalog import Catalog
from .errors import BundleMissing, BundleRefused
from .features import EncodedCatalog, FeatureSpec, ViewerFeatures
from .features.encode import Floats, Ints
from .features.viewer import sharpen
from .head import HeadPrior
from .latents import LATENTS, Latents, scaled
from .ranker import Engine, NumpyRanker, Ranker, Weights, load
from .ranker.weights import PRIOR_INTENT, from_bytes


@dataclass(frozen=True)
class Installed:
    """ranker: on the engine that serves. weights: the same in numpy, for explaining and training. appeal [n, 2] by
    the catalogue's order. latents: None where the model has none. base_rate: None without a bundle. version: 0
    without a bundle."""

    version: int
    encoded: EncodedCatalog
    ranker: Ranker
    weights: Weights
    population_taste: Floats
    appeal: Floats
    latents: Latents | None
    prior: HeadPrior
    base_rate: float | None

    @property
    def spec(self) -> FeatureSpec:
        return self.encoded.spec

    @classmethod
    def nothing(cls, catalog: Catalog) -> Installed:
        """No bundle yet: nothing but what is asked for tells pictures apart, and the head learns by the catalogue's
        own tags."""
        encoded = EncodedCatalog(catalog, FeatureSpec.from_catalog(catalog))
        weights = Weights.zeros(encoded.spec)
        weights.play_match[-1] = PRIOR_INTENT
        return cls(
            version=0,
            encoded=encoded,
            ranker=NumpyRanker(weights),
            weights=weights,
            population_taste=sharpen(ViewerFeatures.even(encoded.spec), encoded.spec),
            appeal=np.zeros((len(encoded.artwork), 2), dtype=np.float32),
            latents=None,
            prior=HeadPrior(),
            base_rate=None,
        )

    @classmethod
    def read(cls, folder: str | Path, catalog: Catalog, engine: Engine) -> Installed:
        """The bundle in `folder`, or the current one where it is a folder of slots (`keyart.bundle.Slots`).

        A bundle in a slot met every rule when it was installed: its files are compared with the manifest, and that is
        all. One that nobody installed has to meet the rules here, but for the canary, which needs the engine.
        Raises BundleMissing, BundleDamaged, BundleRefused, EngineError.
        """
        from .bundle.folder import check_contents, read_files, verify_files

        path = _bundle_in(folder)
        files = read_files(path)
        manifest = verify_files(files) if path == Path(folder) else check_contents(files)
        spec = FeatureSpec.from_json(manifest.feature_spec)
        encoded = EncodedCatalog(catalog, spec)
        taste, appeal, latents = _vocabulary(files["vocabulary.json"], spec, catalog)
        ranker = load(path, spec, manifest.session_config, engine, files)
        return cls(
            version=manifest.model_version,
            encoded=encoded,
            ranker=ranker,
            weights=ranker.weights if isinstance(ranker, NumpyRanker) else from_bytes(files["ranker.bin"], spec),
            population_taste=taste,
            appeal=appeal,
            latents=latents,
            prior=HeadPrior(**manifest.head),
            base_rate=manifest.policy["base_rate"],
        )

    def offsets(self, viewer: ViewerFeatures, title: int, pictures: Ints | slice) -> Floats | None:
        """[A]: what the latents add to the logits of play of a title's pictures; None: nothing."""
        if self.latents is None or viewer.met is None:
            return None
        return self.latents.offsets(viewer.met, title, pictures)

    def check(self, folder: str | Path) -> None:
        """All rules of `keyart.bundle`, and the canary on this engine; raises a BundleError."""
        from .bundle.folder import verify

        verify(_bundle_in(folder), run=self.ranker.run)


def _bundle_in(folder: str | Path) -> Path:
    """`folder` itself, or the current slot where it is a folder of slots."""
    path = Path(folder)
    if not path.is_dir() or (path / "manifest.json").exists():
        return path
    from .bundle.slots import Slots

    current = Slots(path).current()
    if current is None:
        raise BundleMissing(
            f"No bundle at {path}: neither a manifest.json nor an installed slot. Install one, or open the profile "
            "without a bundle."
        )
    return current


def _vocabulary(data: bytes, spec: FeatureSpec, catalog: Catalog) -> tuple[Floats, Floats, Latents | None]:
    from .bundle.trust import MAX_APPEAL, MAX_TASTE

    try:
        document = json.loads(data)
        taste = np.array(document["population_taste"], dtype=np.float64)
        known = document["appeal"]
        rows = [known.get(artwork.id, (0.0, 0.0)) for title in catalog for artwork in title.artworks]
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
    """Raises what a document of another shape raises where it is read."""
    if document is None:
        return None
    ids = {
        "titles": [title.id for title in catalog],
        "artworks": [artwork.id for title in catalog for artwork in title.artworks],
    }
    tables = []
    for name, listed in ids.items():
        scale, known = document[name]["scale"], document[name]["numbers"]
        numbers = np.array([known.get(one, (0,) * LATENTS) for one in listed], dtype=np.int8)
        tables.append(scaled(numbers.reshape(len(listed), LATENTS), scale))
    return Latents(*tables)
