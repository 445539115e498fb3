"""Artwork sums: what a round's sum tells of each artwork's logits of play and of completion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..types import Doubles
from .learning_request import MIN_ARTWORK_CURVATURE

# Standard deviation of an artwork's curvature, as a share of the simulated one: whom it is shown to is a guess.
EXPOSURE_SPREAD = 0.6


@dataclass(frozen=True)
class ArtworkSums:
    """Sums by artwork, in two columns: of play and of completion.

    Attributes:
        residuals: Sums of residuals, [n, 2].
        noise: Variances of the noise in them, [n, 2].
        curvature: Curvature of the logits, of all decisions, [n, 2].
    """

    residuals: Doubles
    noise: Doubles
    curvature: Doubles

    @classmethod
    def read(
        cls, scaled: Doubles, variances: Doubles, places: Mapping[str, slice], simulated: Doubles
    ) -> ArtworkSums:
        """Return the sums of a round.

        The curvature that devices have met is drawn towards the simulated one as far as noise hides it.

        Args:
            scaled: The round's sums, of which scales are taken off, [`TrainingLayout.scaled`].
            variances: Variances of the noise in them, [`TrainingLayout.scaled`].
            places: Places of the parts (`TrainingLayout.places`).
            simulated: Curvature by artwork of simulated viewers, [n, 2].
        """
        residuals, noise = (values[places["artworks"]].reshape(2, -1).T for values in (scaled, variances))
        met, met_noise = (values[places["curvature"]].reshape(2, -1).T for values in (scaled, variances))
        doubt = (EXPOSURE_SPREAD * simulated) ** 2
        curvature = simulated + doubt / (doubt + met_noise) * (met - simulated)
        return cls(residuals, noise, np.maximum(curvature, MIN_ARTWORK_CURVATURE))
