"""Base appeal: what everybody sees in an artwork beyond its tags, from few impressions, by shrinkage.

An artwork's residual Σ (played − expected) has mean w δ and variance w + ν, with w its curvature Σ q (1 − q), δ its
appeal in logits, and ν the variance of the noise in the sum. The estimate of δ is drawn towards what the artworks
of the same title, and artworks altogether, are like: the prior of training rounds, of whose two columns only play is
observed.
"""

from __future__ import annotations

import numpy as np

from keyart.model import EncodedCatalog

from ..learning.artwork_appeal import AppealPrior
from ..types import Doubles


def base_appeal(residuals: Doubles, curvature: Doubles, noise: float, encoded: EncodedCatalog) -> Doubles:
    """Return the appeal of each artwork in logits of play, [n].

    Args:
        residuals: Sums of residuals by artwork, [n].
        curvature: Curvature by artwork, [n].
        noise: Variance of the noise in each residual.
        encoded: The catalogue.
    """
    known = curvature / np.maximum(curvature + noise, 1e-12)
    columns = np.stack([curvature, residuals]) * known
    precision, observed = (np.stack([column, np.zeros_like(column)], axis=1) for column in columns)
    titles, artworks, _ = AppealPrior.start().solve(precision, observed, encoded)
    return np.asarray((titles[encoded.title_of] + artworks)[:, 0])
