"""Marginal gradients: what a round tells of the ranker's weights once the artworks' own appeal is integrated out.

An artwork that many play may owe it to its tags or to itself. A step of the weights that takes the tags to be the
cause takes from each artwork what is its own, and a few rounds go by until that is mended. With the artworks' logits b
integrated out under their prior of variance v, an artwork's residual r and curvature w tell the weights only

    g ← g − Σ_a k_a c_a (r_a − (b_a − μ_a) / v) / w_a        F ← F − Σ_a k_a c_a c_aᵀ / w_a        k = w / (w + 1 / v)

with c_a the cross-information of weights and logit (a Schur complement; Boyd and Vandenberghe 2004, "Convex
optimization", appendix A.5.5). Where nothing moves any more, both gradients are 0 at the same place. c is known from
simulated viewers alone, so that only a part of it is believed: with all of it, a world whose catalogue changes
half-way diverged (docs/decisions/0020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keyart.model import EncodedCatalog

from ..types import Doubles
from .curvature import Curvature

BELIEVED = 0.5  # share of the simulated cross-information that is taken to be true
TINY = 1e-300


@dataclass(frozen=True)
class ArtworkSums:
    """What a round tells of one logit, of play or of completion, by artwork.

    Attributes:
        residual: Residuals, [n].
        noise: Variances of the noise in them, [n].
        curvature: Curvature of the logit, [n].
        away: The logits' distance from their prior means, [n].
        variance: Prior variance of the logits.
    """

    residual: Doubles
    noise: Doubles
    curvature: Doubles
    away: Doubles
    variance: float


def without_appeal(
    gradient: Doubles, noise: Doubles, fisher: Doubles, average: Doubles, weights: Doubles, sums: ArtworkSums
) -> tuple[Doubles, Doubles, Doubles]:
    """Return the gradient [P], the variances of its noise [P] and the curvature [P, P] without what is appeal.

    Args:
        gradient: Sums of gradients, [P].
        noise: Variances of the noise in them, [P].
        fisher: Simulated curvature of the weights, [P, P].
        average: Simulated mean features of those who see an artwork, [n, P] (`mean_features`).
        weights: Simulated curvature of the artworks' logits, [n], in which `fisher` counts them.
        sums: Sums by artwork.
    """
    w = sums.curvature
    believed = BELIEVED * w / (w + sums.noise / np.maximum(w, TINY) + 1.0 / sums.variance)
    return (
        gradient - average.T @ (believed * (sums.residual - sums.away / sums.variance)),
        noise + (average**2).T @ (believed**2 * sums.noise),
        fisher - (average.T * (believed * weights)) @ average,
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
