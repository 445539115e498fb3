"""The model that a device chooses with: a verified bundle, or, before the first one, a model that prefers nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..catalog import Catalog
from ..types import Floats
from .features import EncodedCatalog, FeatureSpec, ViewerFeatures
from .features.viewer import sharpen_affinity
from .head import HeadPrior
from .latents import Latents
from .ranker import NumpyRanker, Ranker, Weights
from .ranker.weights import PRIOR_INTENT


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to choose.

    Attributes:
        version: Model version; 0 without a bundle.
        encoded: The catalogue in the places of the model's features.
        ranker: The ranker on the engine that serves.
        weights: The same in numpy, for explaining and training.
        population_taste: Mean sharpened taste of the population, [H].
        appeal: Appeal of each artwork by the catalogue's order, [n, 2].
        latents: The latents, or None if the model has none.
        prior: Prior of the personal head.
        base_rate: Reward of a random artwork; None without a bundle.
    """

    version: int
    encoded: EncodedCatalog
    ranker: Ranker
    weights: Weights
    population_taste: Floats
    appeal: Floats
    latents: Latents | None
    prior: HeadPrior
    base_rate: float | None

    @cached_property
    def spec(self) -> FeatureSpec:
        """Return the feature spec."""
        return self.encoded.spec

    @classmethod
    def nothing(cls, catalog: Catalog) -> LoadedModel:
        """Return a model without a bundle.

        Only intent tells artworks apart, and the head learns by the catalogue's own tags.
        """
        encoded = EncodedCatalog(catalog, FeatureSpec.from_catalog(catalog))
        weights = Weights.zeros(encoded.spec)
        weights.play_match[-1] = PRIOR_INTENT
        return cls(
            version=0,
            encoded=encoded,
            ranker=NumpyRanker(weights),
            weights=weights,
            population_taste=sharpen_affinity(ViewerFeatures.even(encoded.spec), encoded.spec),
            appeal=np.zeros((len(encoded.artwork), 2), dtype=np.float32),
            latents=None,
            prior=HeadPrior(),
            base_rate=None,
        )
