"""The two sets of weights to compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import keyart
from keyart.bundle import Manifest, load_model
from keyart.model import FeatureSpec, LoadedModel, Weights, quantize_weights, stored_arrays, weights_from_bytes
from keyart_federated.export import ModelFile

from ..inspection.bundle import folder_of
from ..model_evaluation import loaded_from_file


@dataclass(frozen=True)
class QuantizationSource:
    """Float and int8 weights of a model.

    Attributes:
        unrounded, rounded: float weights, and those that a device receives.
        drawn: whether the float weights are unknown, since a bundle holds int8 weights only; each weight is then
            drawn
            from those that round to the bundle's.
        installed: loads the model on a catalogue.
    """

    spec: FeatureSpec
    unrounded: Weights
    rounded: Weights
    base_rate: float
    drawn: bool
    installed: Callable[[keyart.Catalog], LoadedModel]

    @classmethod
    def open(cls, path: Path, seed: int) -> QuantizationSource:
        """Open a model file, or a bundle folder.

        Raises:
            InputError: the model file cannot be read.
            BundleError: the bundle is damaged.
        """
        return cls._of_bundle(folder_of(path), seed) if path.is_dir() else cls.of_model(ModelFile.load(path))

    @classmethod
    def of_model(cls, file: ModelFile) -> QuantizationSource:
        """Take the weights of a model file."""
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
        rounded = weights_from_bytes(data, spec)
        scales = stored_arrays(data, spec)["play_artwork_scale"].astype(np.float32)[:, None]
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
        """Return the float weights with one tensor in int8.

        The matrix is rounded as in the bundle's format, a vector with one scale.
        """
        if name == "play_artwork":
            return replace(self.unrounded, play_artwork=self.rounded.play_artwork)
        integers, scales = quantize_weights(getattr(self.unrounded, name)[None])
        return replace(self.unrounded, **{name: integers[0].astype(np.float32) * scales[0]})
