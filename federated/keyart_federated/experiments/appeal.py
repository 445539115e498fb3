"""Base appeal: what everybody sees in a picture beyond its tags, from few impressions, by shrinkage.

A picture's residual Σ (played − expected) has mean w δ and variance w + ν, with w its curvature Σ q (1 − q), δ its
appeal in logits, and ν the variance of the noise in the sum. What is so known of δ is drawn towards what the pictures
of the same title, and pictures altogether, are like: the tables of private rounds, with their variances by evidence.
"""

from __future__ import annotations

import numpy as np

from keyart.model.features import EncodedCatalog

from ..learning.artwork_tables import shrunken
from ..types import Doubles

STARTING_VARIANCE = (0.03, 0.03)  # of titles, of pictures
STEPS = 20


def base_appeal(residuals: Doubles, curvature: Doubles, noise: float, encoded: EncodedCatalog) -> Doubles:
    """[n], in logits of play. residuals, curvature [n]: sums by picture; noise: variance in each residual."""
    known = curvature / np.maximum(curvature + noise, 1e-12)
    precision, observed = curvature * known, residuals * known
    variance = np.array(STARTING_VARIANCE)
    titles = pictures = np.zeros(0)
    for _ in range(STEPS):
        titles, pictures, variance = shrunken(precision, observed, variance, encoded)
    return np.asarray(titles[encoded.title_of] + pictures)
