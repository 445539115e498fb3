"""Source: the two sets of weights that are compared, on a catalogue or on nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import keyart
from keyart.bundle import Manifest
from keyart.bundle.loading import load_model
from keyart.model.features import FeatureSpec
from keyart.model.loaded_model import LoadedModel
from keyart.model.ranker import Weights
from keyart.model.ranker.weights import from_bytes, quantize, stored_parts
from keyart_federated.export import ModelFile

from ..inspection.bundle import folder_of
from ..model_evaluation import loaded_from_file


@dataclass(frozen=True)
class QuantizationSource:
    """unrounded, rounded: the weights in float, and as a device gets them. drawn: the first are not known, since a
    bundle holds only the second; each weight is then drawn from those that round to what the bundle has. installed:
    the model on a catalogue."""

    spec: FeatureSpec
    unrounded: Weights
    rounded: Weights
    base_rate: float
    drawn: bool
    installed: Callable[[keyart.Catalog], LoadedModel]

    @classmethod
    def open(cls, path: Path, seed: int) -> QuantizationSource:
        """A model file, or the folder of a bundle. Raises InputError, BundleError."""
        return cls._of_bundle(folder_of(path), seed) if path.is_dir() else cls.of_model(ModelFile.load(path))

    @classmethod
    def of_model(cls, file: ModelFile) -> QuantizationSource:
        weights, model = file.model.weights, file.model
        return cls(
            model.spec,
            weights,
            weights.quantized(),
            model.base_rate,
            False,
            lambda catalog: loaded_from_file(file, catalog),
        )

    @classmethod
    def _of_bundle(cls, folder: Path, seed: int) -> QuantizationSource:
        from keyart.bundle import verify

        manifest: Manifest = verify(folder)
        spec = FeatureSpec.from_json(manifest.feature_spec)
        data = (folder / "ranker.bin").read_bytes()
        rounded = from_bytes(data, spec)
        scales = stored_parts(data, spec)["play_artwork_scale"].astype(np.float32)[:, None]
        step = np.random.default_rng(seed).uniform(-0.5, 0.5, rounded.play_artwork.shape).astype(np.float32) * scales
        peak = np.abs(rounded.play_artwork).max(axis=1, keepdims=True, initial=0.0)
        # A row's largest weight gave it its scale, so that it was not rounded, and none was larger.
        moved = np.where(np.abs(rounded.play_artwork) == peak, 0.0, step) * (peak > 0)
        unrounded = np.clip(rounded.play_artwork + moved, -peak, peak).astype(np.float32)
        return cls(
            spec,
            replace(rounded, play_artwork=unrounded),
            rounded,
            manifest.policy["base_rate"],
            True,
            lambda catalog: load_model(folder, catalog, "numpy"),
        )

    def tensor_rounded(self, name: str) -> Weights:
        """The unrounded weights with one tensor in int8: the matrix as the bundle's format has it, a vector with one
        scale."""
        if name == "play_artwork":
            return replace(self.unrounded, play_artwork=self.rounded.play_artwork)
        integers, scales = quantize(getattr(self.unrounded, name)[None])
        return replace(self.unrounded, **{name: integers[0].astype(np.float32) * scales[0]})
