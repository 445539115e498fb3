"""Model: everything that a bundle carries and a round changes, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.features import FeatureSpec, ViewerFeatures
from keyart.ranker import Weights

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """theta [P] in the order of `Weights`. population_taste [H]: mean sharpened history. appeal [n, 2]: what
    everybody sees in a picture beyond its tags, as logits of play and keep. base_rate: reward of a picture now.
    """

    spec: FeatureSpec
    theta: Doubles
    population_taste: Doubles
    appeal: Doubles
    base_rate: float
    version: int = 1

    @classmethod
    def zero_shot(cls, spec: FeatureSpec, artworks: int) -> Model:
        """Before the first round: people are shown what they like."""
        return cls(
            spec=spec,
            theta=Weights.zero_shot(spec).flat(),
            population_taste=ViewerFeatures.even(spec).astype(np.float64),
            appeal=np.zeros((artworks, 2)),
            base_rate=0.08,
        )

    @property
    def weights(self) -> Weights:
        return Weights.from_flat(self.spec, self.theta)

    def to_array(self) -> Doubles:
        """One flat array, as it crosses the wire."""
        return np.concatenate(
            [self.theta, self.population_taste, self.appeal.ravel(), [self.base_rate, float(self.version)]]
        )

    @classmethod
    def from_array(cls, spec: FeatureSpec, artworks: int, flat: Doubles) -> Model:
        """Inverse of `to_array`; raises ValueError for a wrong length."""
        h = spec.viewer_size
        parameters = len(flat) - h - 2 * artworks - 2
        theta, taste, appeal, rest = np.split(flat, [parameters, parameters + h, parameters + h + 2 * artworks])
        return cls(spec, theta, taste, appeal.reshape(artworks, 2), float(rest[0]), int(rest[1]))
