"""The global model: everything that a bundle carries and a round changes, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keyart.model import (
    LATENTS,
    EncodedCatalog,
    FeatureSpec,
    HeadPrior,
    Latents,
    LoadedModel,
    NumpyRanker,
    ViewerFeatures,
    Weights,
    parameter_count,
)

from ..types import Doubles


@dataclass(frozen=True)
class GlobalModel:
    """The global model. Field names are names in a checkpoint.

    Attributes:
        spec: The feature spec.
        theta: Weights of the ranker in the order of `Weights`, [P].
        population_taste: Mean sharpened history, [H].
        appeal: What everybody sees in an artwork beyond its tags, as logits of play and of completion, [n, 2].
        title_latents: Latents of titles (`keyart.model.latents`), [T, F]; 0 where nothing is known.
        artwork_latents: Latents of artworks, [n, F]; 0 where nothing is known.
        base_rate: Mean reward of a decision now.
        version: Version of the model.
    """

    spec: FeatureSpec
    theta: Doubles
    population_taste: Doubles
    appeal: Doubles
    title_latents: Doubles
    artwork_latents: Doubles
    base_rate: float
    version: int = 1

    @classmethod
    def zero_shot(cls, encoded: EncodedCatalog) -> GlobalModel:
        """Return the model before the first round, which shows people what they like."""
        spec, artworks, titles = encoded.spec, len(encoded.artwork), len(encoded.first) - 1
        return cls(
            spec=spec,
            theta=Weights.zero_shot(spec).flat(),
            population_taste=ViewerFeatures.even(spec).astype(np.float64),
            appeal=np.zeros((artworks, 2)),
            title_latents=np.zeros((titles, LATENTS)),
            artwork_latents=np.zeros((artworks, LATENTS)),
            base_rate=0.08,
        )

    @property
    def weights(self) -> Weights:
        """The weights of the ranker."""
        return Weights.from_flat(self.spec, self.theta)

    @property
    def latents(self) -> Latents | None:
        """The latents as devices get them, or None if there are none yet."""
        return Latents.of(self.title_latents, self.artwork_latents) if self.title_latents.any() else None

    def loaded(self, encoded: EncodedCatalog, prior: HeadPrior | None = None) -> LoadedModel:
        """Return the model as a device loads it from its bundle, on the numpy engine.

        Args:
            encoded: the catalogue in the places of the model's spec.
            prior: prior of the personal head.
        """
        weights = self.weights.quantized()
        return LoadedModel(
            version=self.version,
            encoded=encoded,
            ranker=NumpyRanker(weights),
            weights=weights,
            population_taste=self.population_taste.astype(np.float32),
            appeal=self.appeal.astype(np.float32),
            latents=self.latents,
            prior=prior or HeadPrior(),
            base_rate=self.base_rate,
        )

    def to_array(self) -> Doubles:
        """Return the model as one flat array. Inverse of `from_array`."""
        tables = (self.appeal, self.title_latents, self.artwork_latents)
        return np.concatenate(
            [
                self.theta,
                self.population_taste,
                *(table.ravel() for table in tables),
                [self.base_rate, float(self.version)],
            ]
        )

    @classmethod
    def from_array(cls, encoded: EncodedCatalog, flat: Doubles) -> GlobalModel:
        """Return the model from a flat array. Raises ValueError for a wrong length."""
        spec, artworks, titles = encoded.spec, len(encoded.artwork), len(encoded.first) - 1
        sizes = [parameter_count(spec), spec.viewer_size, 2 * artworks, LATENTS * titles, LATENTS * artworks, 2]
        if flat.shape != (sum(sizes),):
            raise ValueError(f"A model of this catalogue has {sum(sizes)} numbers, not shape {flat.shape}.")
        theta, taste, appeal, *latents, rest = np.split(flat, np.cumsum(sizes[:-1]))
        title_latents, artwork_latents = (table.reshape(-1, LATENTS) for table in latents)
        known = (theta, taste, appeal.reshape(artworks, 2), title_latents, artwork_latents)
        return cls(spec, *known, base_rate=float(rest[0]), version=int(rest[1]))
