"""Latents of artworks from noised sums: O_a = Pᵀ z_a + O_t + o_a (`keyart.model.latents`).

Devices send the moments E[[u, f] fᵀ]. With S = E[f fᵀ], w_a = exposure · E[q(1 − q)] and m_a the mean f of those who
see artwork a (from a sum by artwork, or else the mean of all), the curvature of Σ r f by artwork is
H_a = w_a (S + m_a m_aᵀ), and that of Σ r z f_k is Σ z_a H_a,kk z_aᵀ. Neither has to be sent. What the steps of the
ranker and the tables explain of these sums is taken off first, or viewers whose latents go with their taste would be
corrected twice.

Tags come first, from a sum of their own; titles and artworks follow jointly, from the sum by artwork, on what the
tags leave. Each level has a prior variance a latent, by MacKay's evidence step (1992, "Bayesian interpolation",
eq. 2.22).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from keyart.linalg import inverse
from keyart.model import LATENTS, EncodedCatalog

from ..types import Doubles
from .information import Information, Stiffness

STARTING_VARIANCE = (0.01, 0.03, 0.08)  # by tag, by title, by picture
VARIANCE_RANGE = (1e-4, 1.0)
MIN_MOMENT = 0.05
MAX_MEAN = 3.0
MAX_STEP = 0.5  # logits that a round moves a title or an artwork by, for a viewer of usual latents
TILT_SPREAD = 0.5  # standard deviation, between artworks, of the mean f of those who see them
MOMENT_SPREAD = 0.3  # standard deviation of what moments are from one round to the next


@dataclass(frozen=True)
class ArtworkLatents:
    """The artworks' latents by level. Field names are names in a checkpoint.

    Attributes:
        by_tag: P, [Z, F].
        by_title: O_t, [T, F].
        by_picture: o_a, [n, F].
        variance: Prior variance of each level's numbers, by latent, [3, F].
    """

    by_tag: Doubles
    by_title: Doubles
    by_picture: Doubles
    variance: Doubles

    @classmethod
    def start(cls, encoded: EncodedCatalog, doubt: float = 1.0) -> ArtworkLatents:
        """Return latents of 0; `doubt` is a share of the starting variances."""
        sizes = (encoded.spec.artwork_size, len(encoded.first) - 1, len(encoded.artwork))
        by_tag, by_title, by_picture = (np.zeros((size, LATENTS)) for size in sizes)
        variance = doubt * np.repeat(np.array(STARTING_VARIANCE)[:, None], LATENTS, axis=1)
        return cls(by_tag, by_title, by_picture, variance)

    def table(self, encoded: EncodedCatalog) -> Doubles:
        """Return O, [n, F]."""
        return np.asarray(encoded.artwork @ self.by_tag + self.by_title[encoded.title_of] + self.by_picture)


@dataclass(frozen=True)
class LatentInformation:
    """The information that sums have given so far.

    Attributes:
        tags: Gradients by tag and latent, [Z · F].
        artworks: Gradients by artwork and latent, [n · F].
        moments: E[[u, f] fᵀ], [U + F, F].
        tag_stiffness: Stiffness of the curvature by entry of `tags`.
        artwork_stiffness: The same of `artworks`.
    """

    tags: Information
    artworks: Information
    moments: Doubles
    tag_stiffness: Stiffness
    artwork_stiffness: Stiffness

    @classmethod
    def none(cls, encoded: EncodedCatalog) -> LatentInformation:
        """Return the information before the first round: latents of variance 1 that go with no taste."""
        tags, artworks = encoded.spec.artwork_size * LATENTS, len(encoded.artwork) * LATENTS
        return cls(
            Information.none(tags),
            Information.none(artworks),
            np.concatenate([np.zeros((len(encoded.spec.direction_names), LATENTS)), np.eye(LATENTS)]),
            Stiffness.none(tags),
            Stiffness.none(artworks),
        )

    def measured(self, moments: Doubles, noise_variance: float) -> LatentInformation:
        """Return the information with new moments, drawn towards the old ones as far as noise may have moved them.

        Args:
            moments: Moments of a round, [(U + F) · F].
            noise_variance: Variance of the noise in each entry.
        """
        kept = MOMENT_SPREAD**2 / (MOMENT_SPREAD**2 + noise_variance)
        moments = self.moments + kept * (moments.reshape(self.moments.shape) - self.moments)
        across, second = moments[:-LATENTS], moments[-LATENTS:]
        values, vectors = np.linalg.eigh((second + second.T) / 2)
        second = (vectors * np.maximum(values, MIN_MOMENT)) @ vectors.T
        return replace(self, moments=np.concatenate([across, second]))

    @property
    def second(self) -> Doubles:
        """The second moments S, [F, F]."""
        return np.asarray(self.moments[-LATENTS:])


@dataclass(frozen=True)
class Sums:
    """The noised sums of a round.

    Attributes:
        tags: Σ r z fᵀ, [Z · F].
        tag_noise: Variances of the noise in `tags`.
        artworks: Σ r f and Σ w f by artwork, [2, n, F]. None where devices did not send them.
        artwork_noise: Variances of the noise in `artworks`, or None.
    """

    tags: Doubles
    tag_noise: Doubles
    artworks: Doubles | None
    artwork_noise: Doubles | None


def advance(
    old: ArtworkLatents,
    known: LatentInformation,
    sums: Sums,
    curvature: Doubles,
    tag_step: Doubles,
    appeal_step: Doubles,
    decisions: float,
    encoded: EncodedCatalog,
    damping: float,
) -> tuple[ArtworkLatents, LatentInformation]:
    """Return the artworks' latents after a round, and the information that they follow from.

    Args:
        old: Latents before the round.
        known: Information before the round.
        sums: Sums of the round.
        curvature: Curvature of play by artwork, [n].
        tag_step: By how much the round moves the ranker's tag weights, [Z, U].
        appeal_step: By how much it moves the artworks' logits of play, [n].
        decisions: Number of decisions of all devices.
        encoded: The catalogue.
        damping: Share of a Newton step that is taken.
    """
    z = encoded.artwork.astype(np.float64)
    mean = np.tile(known.moments[0], (len(z), 1))  # u begins with 1
    if sums.artworks is not None and sums.artwork_noise is not None:
        w = curvature[:, None]
        kept = TILT_SPREAD**2 / (TILT_SPREAD**2 + sums.artwork_noise[1] / w**2)
        mean = mean + kept * (np.clip(sums.artworks[1] / w, -MAX_MEAN, MAX_MEAN) - mean)
    hessian = curvature[:, None, None] * (known.second + mean[:, :, None] * mean[:, None, :])
    explained = curvature[:, None] * (z @ (tag_step @ known.moments[:-LATENTS]) + mean * appeal_step[:, None])
    by_tag, tag_variance, information, stiffness = _tags(
        old, known, sums, hessian, z.T @ explained, decisions, z, damping
    )
    new = replace(old, by_tag=by_tag, variance=np.stack([tag_variance, *old.variance[1:]]))
    known = replace(known, tags=information, tag_stiffness=stiffness)
    if sums.artworks is None or sums.artwork_noise is None:
        return new, known
    shape = (len(z), LATENTS)
    fisher = np.einsum("nkk->nk", hessian).ravel()
    aged = known.artworks.aged(decisions, fisher * known.artwork_stiffness.ratio)
    gradient, noise_variance = sums.artworks[0].ravel(), sums.artwork_noise[0].ravel()
    stiffness = known.artwork_stiffness.joined(aged, gradient, noise_variance, decisions)
    information = aged.joined(gradient, noise_variance, decisions, fisher * stiffness.ratio)
    root = np.sqrt(stiffness.ratio.reshape(shape))
    hessian = root[:, :, None] * hessian * root[:, None, :]
    noise = (decisions**2 / information.precision).reshape(shape)
    share = hessian @ np.linalg.inv(hessian + noise[:, :, None] * np.eye(LATENTS))
    precision = share @ hessian
    precision = (precision + np.swapaxes(precision, 1, 2)) / 2
    pull = _times(share, information.gradient.reshape(shape) * decisions - explained)
    moved = z @ (by_tag - old.by_tag)
    before = old.by_title[encoded.title_of] + old.by_picture
    observed = pull + _times(precision, before - moved)
    by_title, by_picture, variances = _joint(precision, observed, old.variance[1:], encoded)
    by_title = old.by_title + _limited(damping * (by_title - old.by_title), known.second)
    by_picture = old.by_picture + _limited(damping * (by_picture - old.by_picture), known.second)
    new = replace(new, by_title=by_title, by_picture=by_picture, variance=np.stack([tag_variance, *variances]))
    step = new.table(encoded) - old.table(encoded)
    fall = (_times(hessian, step) + explained).ravel() / decisions
    stiffness = replace(stiffness, fall=fall / stiffness.ratio)
    information = information.moved(fall, stiffness.misfit)
    return new, replace(known, artworks=information, artwork_stiffness=stiffness)


def _tags(
    old: ArtworkLatents,
    known: LatentInformation,
    sums: Sums,
    artwork_hessian: Doubles,
    explained: Doubles,
    decisions: float,
    z: Doubles,
    damping: float,
) -> tuple[Doubles, Doubles, Information, Stiffness]:
    """Return P, its variances, and the information after the round.

    One latent is solved at a time: all tags of all latents together would be a large matrix.
    """
    shape = old.by_tag.shape
    matrices = [(z * artwork_hessian[:, k, k, None]).T @ z for k in range(LATENTS)]
    fisher = np.stack([np.diag(matrix) for matrix in matrices], axis=1).ravel()
    aged = known.tags.aged(decisions, fisher * known.tag_stiffness.ratio)
    stiffness = known.tag_stiffness.joined(aged, sums.tags, sums.tag_noise, decisions)
    information = aged.joined(sums.tags, sums.tag_noise, decisions, fisher * stiffness.ratio)
    root = np.sqrt(stiffness.ratio.reshape(shape))
    gradient, noise = (
        x.reshape(shape) for x in (information.gradient * decisions, decisions**2 / information.precision)
    )
    by_tag, variances, falls = np.empty(shape), np.empty(LATENTS), np.empty(shape)
    for k in range(LATENTS):
        hessian = root[:, k, None] * matrices[k] * root[:, k]
        share = hessian @ inverse(hessian + np.diag(noise[:, k]))
        precision = share @ hessian
        observed = share @ (gradient[:, k] - explained[:, k]) + precision @ old.by_tag[:, k]
        variance = old.variance[0, k]
        covariance = inverse((precision + precision.T) / 2 + np.eye(len(hessian)) / variance)
        mean = covariance @ observed
        determined = np.maximum(1.0 - np.diag(covariance) / variance, 0.0).sum()
        variances[k] = np.clip(((mean**2).sum() + variance) / (determined + 1.0), *VARIANCE_RANGE)
        by_tag[:, k] = old.by_tag[:, k] + damping * (mean - old.by_tag[:, k])
        falls[:, k] = (hessian @ (by_tag[:, k] - old.by_tag[:, k]) + explained[:, k]) / decisions
    stiffness = replace(stiffness, fall=falls.ravel() / stiffness.ratio)
    return by_tag, variances, information.moved(falls.ravel(), stiffness.misfit), stiffness


def _limited(step: Doubles, moments: Doubles) -> Doubles:
    """Return steps of latents [n, F], each no longer than `MAX_STEP` for second moments [F, F] of viewers."""
    length = np.sqrt(np.einsum("nj,jk,nk->n", step, moments, step))
    return np.asarray(step * np.minimum(1.0, MAX_STEP / np.maximum(length, 1e-12))[:, None])


def _joint(
    precision: Doubles, observed: Doubles, variances: Doubles, encoded: EncodedCatalog
) -> tuple[Doubles, Doubles, Doubles]:
    """Return the posterior means of titles [T, F] and artworks [n, F], and the next prior variances of both [2, F].

    The artworks are integrated out of the titles' equations first, so that no large matrix is inverted.

    Args:
        precision: Precision with which the sum of both levels is observed, by artwork, [n, F, F].
        observed: Precision times the observed sum, [n, F].
        variances: Prior variances so far, [2, F].
        encoded: The catalogue.
    """
    title_prior, artwork_prior = (np.diag(1.0 / variance) for variance in variances)
    title, titles, eye = encoded.title_of, len(encoded.first) - 1, np.eye(LATENTS)
    shrink = np.linalg.inv(precision + artwork_prior)
    left = eye - precision @ shrink
    title_precision, vector = np.zeros((titles, LATENTS, LATENTS)), np.zeros((titles, LATENTS))
    np.add.at(title_precision, title, left @ precision)
    np.add.at(vector, title, _times(left, observed))
    covariance = np.linalg.inv((title_precision + np.swapaxes(title_precision, 1, 2)) / 2 + title_prior)
    by_title = _times(covariance, vector)
    by_picture = _times(shrink, observed - _times(precision, by_title[title]))
    updated = []
    for values, value_covariance, variance in (
        (by_title, covariance, variances[0]),
        (by_picture, shrink, variances[1]),
    ):
        determined = np.maximum(1.0 - np.einsum("mkk->mk", value_covariance) / variance, 0.0).sum(axis=0)
        updated.append(((values**2).sum(axis=0) + variance) / (determined + 1.0))
    return by_title, by_picture, np.clip(updated, *VARIANCE_RANGE)


def _times(matrices: npt.NDArray[np.floating], vectors: npt.NDArray[np.floating]) -> Doubles:
    return np.asarray((matrices @ vectors[..., None])[..., 0])
