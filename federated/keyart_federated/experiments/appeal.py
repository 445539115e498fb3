"""Base appeal: what everybody sees in an artwork beyond its tags, from few impressions, by shrinkage.

An artwork's residual Σ (played − expected) has mean w δ and variance w + ν, with w its curvature Σ q (1 − q), δ its
appeal in logits, and ν the variance of the noise in the sum. The estimate of δ is drawn towards what the artworks
of the same title, and artworks altogether, are like: the tables of training rounds, with their variances by
evidence.
"""

from __future__ import annotations

import numpy as np

from keyart.model import EncodedCatalog

from ..learning.artwork_tables import shrunken
from ..types import Doubles

STARTING_VARIANCE = (0.03, 0.03)  # of titles, of pictures
STEPS = 20


def base_appeal(residuals: Doubles, curvature: Doubles, noise: float, encoded: EncodedCatalog) -> Doubles:
    """Return the appeal of each artwork in logits of play, [n].

    Args:
        residuals: Sums of residuals by artwork, [n].
        curvature: Curvature by artwork, [n].
        noise: Variance of the noise in each residual.
        encoded: The catalogue.
    """
    known = curvature / np.maximum(curvature + noise, 1e-12)
    precision, observed = curvature * known, residuals * known
    variance = np.array(STARTING_VARIANCE)
    titles = pictures = np.zeros(0)
    for _ in range(STEPS):
        titles, pictures, variance = shrunken(precision, observed, variance, encoded)
    return np.asarray(titles[encoded.title_of] + pictures)
