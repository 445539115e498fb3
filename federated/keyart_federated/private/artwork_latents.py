"""Latents of artworks from noised sums, on simulated curvature: O_a = Pᵀ z_a + O_t + o_a (`keyart_federated.latents`).

A viewer's latents f are orthogonal to what tags tell, by the way that titles' latents are made, and their second
moments S = E[f fᵀ] are told. So with w_a = exposure · E[q(1 − q)], the curvature of Σ r z_a f_k is
S_kk Σ w_a z_a z_aᵀ, and that of Σ r f by artwork is w_a S. Neither has to be sent.

Tags come first, from a sum of their own; titles and artworks follow jointly, from the sum by artwork, on what the
tags leave. Each level has a prior variance a latent, by MacKay's evidence step (1992, "Bayesian interpolation",
eq. 2.22).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from keyart.features import EncodedCatalog
from keyart.latents import LATENTS
from keyart.positive import inverse

from ..curvature import Doubles
from ..latents import VARIANCE_RANGE, ArtworkLatents
from .information import Information, Stiffness

SMALLEST_MOMENT = 0.05
MOMENT_SPREAD = 0.3  # standard deviation of what moments are from one round to the next
EVIDENCE_STEPS = 5  # before latents are used for the first time: their prior variances start too wide


@dataclass(frozen=True)
class LatentInformation:
    """What sums tell so far. tags [Z · F], artworks [n · F]: gradients. moments [F, F]: S. stiffness [Z · F] and
    [n · F]: of the curvature, by entry."""

    tags: Information
    artworks: Information
    moments: Doubles
    tag_stiffness: Stiffness
    artwork_stiffness: Stiffness

    @classmethod
    def none(cls, encoded: EncodedCatalog) -> LatentInformation:
        tags, artworks = encoded.spec.artwork_size * LATENTS, len(encoded.artwork) * LATENTS
        return cls(
            Information.none(tags),
            Information.none(artworks),
            np.eye(LATENTS),
            Stiffness.none(tags),
            Stiffness.none(artworks),
        )

    def measured(self, moments: Doubles, doubt: float) -> LatentInformation:
        """With moments that were told. moments: upper half of S; doubt: variance of the noise in each entry."""
        rows, columns = np.triu_indices(LATENTS)
        told = np.zeros((LATENTS, LATENTS))
        told[rows, columns] = told[columns, rows] = moments
        kept = MOMENT_SPREAD**2 / (MOMENT_SPREAD**2 + doubt)
        values, vectors = np.linalg.eigh(self.moments + kept * (told - self.moments))
        return replace(self, moments=(vectors * np.maximum(values, SMALLEST_MOMENT)) @ vectors.T)


@dataclass(frozen=True)
class Sums:
    """Sums [Z · F] and [n · F], and the variances of their noise; by artwork None where these were not asked for."""

    tags: Doubles
    tag_noise: Doubles
    artworks: Doubles | None
    artwork_noise: Doubles | None


def advance(
    old: ArtworkLatents,
    known: LatentInformation,
    sums: Sums,
    curvature: Doubles,
    decisions: float,
    encoded: EncodedCatalog,
    damping: float,
    first: bool,
) -> tuple[ArtworkLatents, LatentInformation]:
    """The artworks' latents after a round, and what is known.

    Args:
        curvature: of play by artwork, [n].
        decisions: of all devices.
        damping: share of a Newton step.
        first: whether latents have not been used so far.
    """
    z = encoded.artwork.astype(np.float64)
    by_tag, tag_variance, information, stiffness = _tags(old, known, sums, curvature, decisions, z, damping, first)
    new = replace(old, by_tag=by_tag, variance=np.stack([tag_variance, *old.variance[1:]]))
    known = replace(known, tags=information, tag_stiffness=stiffness)
    if sums.artworks is None or sums.artwork_noise is None:
        return new, known
    shape = (len(z), LATENTS)
    fisher = np.repeat(curvature, LATENTS) * np.tile(np.diag(known.moments), len(z))
    ratio_before = known.artworks.aged(decisions, fisher * known.artwork_stiffness.ratio)
    stiffness = known.artwork_stiffness.joined(ratio_before, sums.artworks, sums.artwork_noise, decisions)
    information = ratio_before.joined(sums.artworks, sums.artwork_noise, decisions, fisher * stiffness.ratio)
    root = np.sqrt(stiffness.ratio.reshape(shape))
    hessian = root[:, :, None] * (curvature[:, None, None] * known.moments) * root[:, None, :]
    noise = (decisions**2 / information.precision).reshape(shape)
    share = hessian @ np.linalg.inv(hessian + noise[:, :, None] * np.eye(LATENTS))
    precision = share @ hessian
    precision = (precision + np.swapaxes(precision, 1, 2)) / 2
    pull = _times(share, information.gradient.reshape(shape) * decisions)
    moved = z @ (by_tag - old.by_tag)
    here = old.by_title[encoded.title_of] + old.by_picture
    observed = pull + _times(precision, here - moved)
    variances = old.variance[1:]
    for _ in range(EVIDENCE_STEPS if first else 1):
        by_title, by_picture, variances = _joint(precision, observed, variances, encoded)
    by_title = old.by_title + damping * (by_title - old.by_title)
    by_picture = old.by_picture + damping * (by_picture - old.by_picture)
    new = replace(new, by_title=by_title, by_picture=by_picture, variance=np.stack([tag_variance, *variances]))
    step = new.table(encoded) - old.table(encoded)
    fall = _times(hessian, step).ravel() / decisions
    stiffness = replace(stiffness, fall=fall / stiffness.ratio)
    information = information.moved(fall, stiffness.misfit)
    return new, replace(known, artworks=information, artwork_stiffness=stiffness)


def _tags(
    old: ArtworkLatents,
    known: LatentInformation,
    sums: Sums,
    curvature: Doubles,
    decisions: float,
    z: Doubles,
    damping: float,
    first: bool,
) -> tuple[Doubles, Doubles, Information, Stiffness]:
    """One latent at a time: all tags of all latents together would be a large matrix."""
    shape = old.by_tag.shape
    matrix = (z * curvature[:, None]).T @ z
    moments = np.diag(known.moments)
    fisher = (np.diag(matrix)[:, None] * moments).ravel()
    before = known.tags.aged(decisions, fisher * known.tag_stiffness.ratio)
    stiffness = known.tag_stiffness.joined(before, sums.tags, sums.tag_noise, decisions)
    information = before.joined(sums.tags, sums.tag_noise, decisions, fisher * stiffness.ratio)
    root = np.sqrt(stiffness.ratio.reshape(shape))
    gradient, noise = (
        x.reshape(shape) for x in (information.gradient * decisions, decisions**2 / information.precision)
    )
    by_tag, variances, falls = np.empty(shape), np.empty(LATENTS), np.empty(shape)
    for k in range(LATENTS):
        hessian = root[:, k, None] * matrix * moments[k] * root[:, k]
        share = hessian @ inverse(hessian + np.diag(noise[:, k]))
        precision = share @ hessian
        observed = share @ gradient[:, k] + precision @ old.by_tag[:, k]
        variance = old.variance[0, k]
        for _ in range(EVIDENCE_STEPS if first else 1):
            covariance = inverse((precision + precision.T) / 2 + np.eye(len(matrix)) / variance)
            found = covariance @ observed
            determined = np.maximum(1.0 - np.diag(covariance) / variance, 0.0).sum()
            variance = np.clip(((found**2).sum() + variance) / (determined + 1.0), *VARIANCE_RANGE)
        by_tag[:, k], variances[k] = old.by_tag[:, k] + damping * (found - old.by_tag[:, k]), variance
        falls[:, k] = hessian @ (by_tag[:, k] - old.by_tag[:, k]) / decisions
    stiffness = replace(stiffness, fall=falls.ravel() / stiffness.ratio)
    return by_tag, variances, information.moved(falls.ravel(), stiffness.misfit), stiffness


def _joint(
    precision: Doubles, observed: Doubles, variances: Doubles, encoded: EncodedCatalog
) -> tuple[Doubles, Doubles, Doubles]:
    """Titles [T, F] and artworks [n, F], whose sum is observed with `precision` [n, F, F]; and [2, F], their variances
    by evidence. As `learner.shrunken`, with a matrix in place of each number."""
    of_titles, of_artworks = (np.diag(1.0 / variance) for variance in variances)
    title, titles, eye = encoded.title_of, len(encoded.first) - 1, np.eye(LATENTS)
    shrink = np.linalg.inv(precision + of_artworks)
    left = eye - precision @ shrink
    known, vector = np.zeros((titles, LATENTS, LATENTS)), np.zeros((titles, LATENTS))
    np.add.at(known, title, left @ precision)
    np.add.at(vector, title, _times(left, observed))
    covariance = np.linalg.inv((known + np.swapaxes(known, 1, 2)) / 2 + of_titles)
    by_title = _times(covariance, vector)
    by_picture = _times(shrink, observed - _times(precision, by_title[title]))
    updated = []
    for values, of_values, variance in ((by_title, covariance, variances[0]), (by_picture, shrink, variances[1])):
        determined = np.maximum(1.0 - np.einsum("mkk->mk", of_values) / variance, 0.0).sum(axis=0)
        updated.append(((values**2).sum(axis=0) + variance) / (determined + 1.0))
    return by_title, by_picture, np.clip(updated, *VARIANCE_RANGE)


def _times(matrices: Doubles, vectors: Doubles) -> Doubles:
    return np.asarray((matrices @ vectors[..., None])[..., 0])
