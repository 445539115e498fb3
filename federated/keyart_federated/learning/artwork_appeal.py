"""Appeal by title and by artwork: logits of play and of completion that no tag explains.

An artwork's appeal is the sum of its title's and its own, each a pair (play, completion) with a normal prior around
0. Each level's covariance follows from the sums, so that one column tells of the other: where artworks that many play
are abandoned, a play alone is not believed. Expectation maximisation would leave a covariance near its
start where most artworks are hardly seen; the step here counts what was observed and not what was assumed (MacKay
1992, "Bayesian interpolation", eq. 2.22), for matrices by the geometric mean of Zhou, Hu, Zhou and Lange (2019, "MM
algorithms for variance components models").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from keyart.model import EncodedCatalog

from ..types import Doubles
from .artwork_sums import ArtworkSums
from .information import Information, Stiffness

ITERATIONS = 8
START_VARIANCE = 0.05
PSEUDO_COUNT = 4.0  # perfectly observed artworks, or titles, that the start counts as
VARIANCE_RANGE = (1e-3, 1.0)
# Logits that a round moves an artwork by: its curvature is that of where it stands, and for one that hardly anybody
# plays it is far smaller than on the way to where it should be.
MAX_STEP = 1.5
MAX_LOGIT, MAX_DEVIATIONS = 10.0, 10.0
TINY = 1e-12


@dataclass(frozen=True)
class AppealPrior:
    """The prior of appeal. Field names are names in a checkpoint.

    Attributes:
        titles: Covariance of titles, [2, 2].
        artworks: Covariance of artworks, [2, 2].
    """

    titles: Doubles
    artworks: Doubles

    @classmethod
    def start(cls, doubt: float = 1.0) -> AppealPrior:
        """Return the prior before the first round; `doubt` is a share of the starting variances."""
        return cls(doubt * START_VARIANCE * np.eye(2), doubt * START_VARIANCE * np.eye(2))

    def solve(
        self, precision: Doubles, vector: Doubles, encoded: EncodedCatalog
    ) -> tuple[Doubles, Doubles, AppealPrior]:
        """Return the posterior means of titles [T, 2] and of artworks [n, 2], and the next prior.

        Titles are solved first, with the artworks integrated out; artworks follow on what the titles leave.

        Args:
            precision: Precision with which the sum of both levels is observed, by artwork and column, [n, 2].
            vector: Precision times the observed sum, [n, 2].
            encoded: The catalogue, which says whose title an artwork is of.
        """
        # What no appeal and no noise explains is the work of an attacker, or of an overflow.
        bound = MAX_LOGIT * precision + MAX_DEVIATIONS * np.sqrt(precision)
        prior, vector = self, np.clip(vector, -bound, bound)
        for _ in range(ITERATIONS):
            titles, of_titles = prior._titles(precision, vector, encoded)
            artworks, of_artworks = prior._artworks(precision, vector - precision * titles[encoded.title_of])
            prior = AppealPrior(
                _updated(prior.titles, titles, of_titles), _updated(prior.artworks, artworks, of_artworks)
            )
        return titles, artworks, prior

    def _titles(self, precision: Doubles, vector: Doubles, encoded: EncodedCatalog) -> tuple[Doubles, Doubles]:
        """Return the posterior mean [T, 2] and covariance [T, 2, 2] of titles."""
        left = np.linalg.inv(np.eye(2) + precision[:, :, None] * self.artworks)  # (1 + W Σ)⁻¹
        count, title = len(encoded.first) - 1, encoded.title_of
        precisions, vectors = np.zeros((count, 2, 2)), np.zeros((count, 2))
        np.add.at(precisions, title, left * precision[:, None, :])
        np.add.at(vectors, title, np.einsum("nij,nj->ni", left, vector))
        covariance = np.linalg.inv((precisions + np.swapaxes(precisions, 1, 2)) / 2 + np.linalg.inv(self.titles))
        return np.einsum("tij,tj->ti", covariance, vectors), covariance

    def _artworks(self, precision: Doubles, vector: Doubles) -> tuple[Doubles, Doubles]:
        """Return the posterior mean [n, 2] and covariance [n, 2, 2] of artworks."""
        covariance = np.linalg.inv(precision[:, None, :] * np.eye(2) + np.linalg.inv(self.artworks))
        return np.einsum("nij,nj->ni", covariance, vector), covariance


def advance(
    prior: AppealPrior,
    known: Sequence[Information],
    stiffness: Stiffness,
    sums: ArtworkSums,
    appeal: Doubles,
    explained: Doubles,
    decisions: float,
    encoded: EncodedCatalog,
) -> tuple[Doubles, Doubles, AppealPrior, list[Information], Stiffness]:
    """Return appeal by title [T, 2] and by artwork [n, 2] after a round, the next prior, and what they follow from.

    Args:
        prior: The prior of appeal.
        known: Information on the logits of play and of completion before the round.
        stiffness: Stiffness of the curvature, of play and then of completion, [2n].
        sums: Sums of the round by artwork.
        appeal: Appeal before the round, from the prior mean, [n, 2].
        explained: Logits that the round's step of the weights explains, [n, 2].
        decisions: Number of decisions of all devices.
        encoded: The catalogue.
    """
    count = len(appeal)
    informations, stiffnesses, fishers, precisions, observed = [], [], [], [], []
    for column, before in enumerate(known):
        curvature, residual, noise = (values[:, column] for values in (sums.curvature, sums.residuals, sums.noise))
        stiff = stiffness.part(slice(column * count, (column + 1) * count))
        aged = before.aged(decisions, curvature * stiff.ratio)
        stiff = stiff.joined(aged, residual, noise, decisions)
        fisher = curvature * stiff.ratio
        information = aged.joined(residual, noise, decisions, fisher)
        precision, pull = information.of_truth(fisher, decisions)
        # What θ explains now is not explained twice; and both tables together are what was there and a step.
        observed.append(pull + precision * (appeal - explained)[:, column])
        informations.append(information)
        stiffnesses.append(stiff)
        fishers.append(fisher)
        precisions.append(precision)
    titles, artworks, new_prior = prior.solve(np.stack(precisions, axis=1), np.stack(observed, axis=1), encoded)
    whole = titles[encoded.title_of] + artworks - appeal + explained
    step = np.clip(whole, -MAX_STEP, MAX_STEP)
    for column, fisher in enumerate(fishers):
        stiff, moved = stiffnesses[column], step[:, column] / decisions
        informations[column] = informations[column].moved(fisher * moved, stiff.misfit)
        stiffnesses[column] = replace(stiff, fall=sums.curvature[:, column] * moved)
    return titles, artworks + step - whole, new_prior, informations, Stiffness.joint(stiffnesses)


def _updated(before: Doubles, means: Doubles, covariances: Doubles) -> Doubles:
    """Return the covariance of a level's next prior, [2, 2].

    With S the sum of m mᵀ and D the sum of what the observations took off the prior's covariance, it is A Σ A with
    A D A = S: in one dimension, S divided by the number of well-determined entries.

    Args:
        before: The prior's covariance Σ, [2, 2].
        means: Posterior means m, [k, 2].
        covariances: Posterior covariances, [k, 2, 2].
    """
    determined = (before - covariances).sum(axis=0) + PSEUDO_COUNT * before
    root = _power(means.T @ means + PSEUDO_COUNT * START_VARIANCE * np.eye(2), 0.5)
    factor = root @ _power(root @ determined @ root, -0.5) @ root
    values, basis = np.linalg.eigh(factor @ before @ factor)
    return np.asarray((basis * np.clip(values, *VARIANCE_RANGE)) @ basis.T)


def _power(matrix: Doubles, exponent: float) -> Doubles:
    """Return a power of a positive definite matrix, [2, 2]."""
    values, basis = np.linalg.eigh(matrix)
    return np.asarray((basis * np.maximum(values, TINY) ** exponent) @ basis.T)
