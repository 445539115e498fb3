"""Model: everything that a bundle carries and a round changes, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.model.features import EncodedCatalog, FeatureSpec, ViewerFeatures
from keyart.model.head import HeadPrior
from keyart.model.latents import LATENTS, Latents
from keyart.model.loaded_model import LoadedModel
from keyart.model.ranker import NumpyRanker, Weights
from keyart.model.ranker.weights import parameter_count

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """theta [P] in the order of `Weights`. population_taste [H]: mean sharpened history. appeal [n, 2]: what
    everybody sees in a picture beyond its tags, as logits of play and keep. base_rate: reward of a picture now.
    title_latents [T, F], artwork_latents [n, F]: see `keyart.model.latents`; 0 where nothing is known.
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
    def zero_shot(cls, encoded: EncodedCatalog) -> Model:
        """Before the first round: people are shown what they like."""
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
        return Weights.from_flat(self.spec, self.theta)

    @property
    def latents(self) -> Latents | None:
        """As devices get them; None: there are none yet."""
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
        """One flat array, as it crosses the wire."""
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
    def from_array(cls, encoded: EncodedCatalog, flat: Doubles) -> Model:
        """Inverse of `to_array`; raises ValueError for a wrong length."""
        spec, artworks, titles = encoded.spec, len(encoded.artwork), len(encoded.first) - 1
        sizes = [parameter_count(spec), spec.viewer_size, 2 * artworks, LATENTS * titles, LATENTS * artworks, 2]
        if flat.shape != (sum(sizes),):
            raise ValueError(f"A model of this catalogue has {sum(sizes)} numbers, not shape {flat.shape}.")
        theta, taste, appeal, *latents, rest = np.split(flat, np.cumsum(sizes[:-1]))
        title_latents, artwork_latents = (table.reshape(-1, LATENTS) for table in latents)
        known = (theta, taste, appeal.reshape(artworks, 2), title_latents, artwork_latents)
        return cls(spec, *known, base_rate=float(rest[0]), version=int(rest[1]))
