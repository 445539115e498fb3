"""Marginal gradients: what a round tells of the ranker's weights once the artworks' own appeal is integrated out.

An artwork that many play may owe it to its tags or to itself. A step of the weights that takes the tags to be the
cause takes from each artwork what is its own, and a few rounds go by until that is mended. With the artworks' logits
b integrated out under their prior of variance v, an artwork's residual r (with noise of variance N) and curvature w
leave to the weights only

    g ← g − Σ_a k_a c_a (r_a − (b_a − μ_a) / v) / w_a        F ← F − Σ_a k_a c_a c_aᵀ / w_a

with k = w / (w + (1 + N / w) / v) and c_a the cross-information of weights and logit (a Schur complement; Boyd and
Vandenberghe 2004, "Convex optimization", appendix A.5.5). Where nothing moves any more, both gradients are 0 at the
same place. c is known from simulated viewers alone, so that only a part of it is believed: with all of it, a world
whose catalogue changes half-way diverged (docs/decisions/0021).
"""

from __future__ import annotations

import numpy as np

from keyart.model import EncodedCatalog

from ..types import Doubles
from .artwork_sums import ArtworkSums
from .curvature import Curvature

BELIEVED = 0.5  # share of the simulated cross-information that is taken to be true
TINY = 1e-300


def without_appeal(
    gradient: Doubles,
    noise: Doubles,
    fisher: Doubles,
    column: int,
    sums: ArtworkSums,
    away: Doubles,
    variance: float,
    average: Doubles,
    weights: Doubles,
) -> tuple[Doubles, Doubles, Doubles]:
    """Return the gradient [P], the variances of its noise [P] and the curvature [P, P] without what is appeal.

    Args:
        gradient: Sums of gradients, [P].
        noise: Variances of the noise in them, [P].
        fisher: Simulated curvature of the weights, [P, P].
        column: 0 for the weights of play, 1 for those of completion.
        sums: Sums of the round by artwork.
        away: Distance of the artworks' logits from their prior means, [n].
        variance: Prior variance of these logits.
        average: Simulated mean features of those who see an artwork, [n, P] (`mean_features`).
        weights: Simulated curvature of the artworks' logits, [n], with which `fisher` counts them.
    """
    residual, residual_noise, w = (values[:, column] for values in (sums.residuals, sums.noise, sums.curvature))
    believed = BELIEVED * w / (w + (1.0 + residual_noise / w) / variance)
    scaled = average * np.sqrt(believed * weights)[:, None]  # numpy computes XᵀX in half the time of AᵀB
    return (
        gradient - average.T @ (believed * (residual - away / variance)),
        noise + (average**2).T @ (believed**2 * residual_noise),
        fisher - scaled.T @ scaled,
    )


def mean_features(curvature: Curvature, encoded: EncodedCatalog) -> tuple[Doubles, Doubles]:
    """Return the mean features of those who see each artwork, of the weights of play and of completion, [n, P] each.

    They are plain means: with any other, the curvature that is left might not be positive.
    """
    z = encoded.artwork.astype(np.float64)
    play, keep = np.maximum(curvature.weights.T, TINY)[..., None]
    tags = (z[:, :, None] * (curvature.directions / play)[:, None, :]).reshape(len(z), -1)
    seen = (curvature.weights[:, 1, None] > 0) * z
    return (
        np.concatenate([tags, curvature.vectors[0] / play], axis=1),
        np.concatenate([seen, curvature.vectors[1] / keep], axis=1),
    )
