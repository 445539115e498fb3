"""Appeal by title and by artwork: logits of play and of completion that no tag explains, under a mixture prior.

An artwork's appeal is the sum of its title's and its own, each a pair (play, completion). Titles have a normal prior
around 0. An artwork is of one of two kinds, each with a normal prior of its own: an ordinary artwork, or bait, which
is played more and abandoned more. So what is seen in one column tells of the other, and an artwork that many play is
not believed before it is known how they go on. Shares, means and covariances follow by expectation maximisation
(Dempster, Laird and Rubin 1977) with the starting values as pseudo-counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keyart.model import EncodedCatalog

from ..types import Doubles

ITERATIONS = 8
PSEUDO_COUNT = 40.0  # artworks, or titles, that the starting values count as
START_SHARES = (0.9, 0.1)
START_MEANS = ((-0.04, 0.1), (0.36, -0.9))
START_VARIANCE = 0.06
TITLE_VARIANCE = 0.03
MIN_VARIANCE = 1e-3
MAX_LOGIT, MAX_DEVIATIONS = 10.0, 10.0


@dataclass(frozen=True)
class AppealPrior:
    """The prior of appeal. Field names are names in a checkpoint.

    Attributes:
        titles: Covariance of titles, [2, 2].
        shares: Shares of the kinds of artworks, [C].
        means: Mean of each kind, [C, 2].
        covariances: Covariance of each kind, [C, 2, 2].
    """

    titles: Doubles
    shares: Doubles
    means: Doubles
    covariances: Doubles

    @classmethod
    def start(cls) -> AppealPrior:
        """Return the prior before the first round."""
        eye = np.eye(2)
        return cls(
            TITLE_VARIANCE * eye,
            np.array(START_SHARES),
            np.array(START_MEANS),
            np.stack([START_VARIANCE * eye] * len(START_SHARES)),
        )

    def solve(
        self, precision: Doubles, vector: Doubles, encoded: EncodedCatalog
    ) -> tuple[Doubles, Doubles, AppealPrior]:
        """Return the posterior means of titles [T, 2] and of artworks [n, 2], and the next prior.

        Titles are solved first, with the artworks integrated out under the mixture's mean and covariance; artworks
        follow on what the titles leave.

        Args:
            precision: Precision with which the sum of both levels is observed, by artwork and column, [n, 2].
            vector: Precision times the observed sum, [n, 2].
            encoded: The catalogue, which says whose title an artwork is of.
        """
        # What no appeal and no noise explains is the work of an attacker, or of an overflow.
        bound = MAX_LOGIT * precision + MAX_DEVIATIONS * np.sqrt(precision)
        prior, vector = self, np.clip(vector, -bound, bound)
        for _ in range(ITERATIONS):
            titles, title_covariance = prior._titles(precision, vector, encoded)
            shares, means, covariances = prior._artworks(precision, vector - precision * titles[encoded.title_of])
            prior = _updated(titles, title_covariance, shares, means, covariances)
        return titles, (shares[..., None] * means).sum(axis=1), prior

    def _titles(self, precision: Doubles, vector: Doubles, encoded: EncodedCatalog) -> tuple[Doubles, Doubles]:
        """Return the posterior mean [T, 2] and covariance [T, 2, 2] of titles."""
        mean = self.shares @ self.means
        away = self.means - mean
        covariance = np.einsum("c,cij->ij", self.shares, self.covariances + away[:, :, None] * away[:, None, :])
        left = np.linalg.inv(np.eye(2) + precision[:, :, None] * covariance)  # (1 + W Σ)⁻¹
        count, title = len(encoded.first) - 1, encoded.title_of
        precisions, vectors = np.zeros((count, 2, 2)), np.zeros((count, 2))
        np.add.at(precisions, title, left * precision[:, None, :])
        np.add.at(vectors, title, np.einsum("nij,nj->ni", left, vector - precision * mean))
        posterior = np.linalg.inv((precisions + np.swapaxes(precisions, 1, 2)) / 2 + np.linalg.inv(self.titles))
        return np.einsum("tij,tj->ti", posterior, vectors), posterior

    def _artworks(self, precision: Doubles, vector: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """Return, by artwork and kind, its probability [n, C], mean [n, C, 2] and covariance [n, C, 2, 2]."""
        inverse = np.linalg.inv(self.covariances)
        pull = np.einsum("cij,cj->ci", inverse, self.means)
        covariance = np.linalg.inv(inverse + precision[:, None, :, None] * np.eye(2))
        mean = np.einsum("ncij,ncj->nci", covariance, vector[:, None] + pull)
        evidence = (
            np.log(self.shares)
            + 0.5 * (np.linalg.slogdet(covariance)[1] - np.linalg.slogdet(self.covariances)[1])
            + 0.5 * ((mean * (vector[:, None] + pull)).sum(axis=2) - (self.means * pull).sum(axis=1))
        )
        weight = np.exp(evidence - evidence.max(axis=1, keepdims=True))
        return weight / weight.sum(axis=1, keepdims=True), mean, np.asarray(covariance)


def _updated(
    titles: Doubles, title_covariance: Doubles, shares: Doubles, means: Doubles, covariances: Doubles
) -> AppealPrior:
    """Return the prior that fits the posterior of titles and artworks, with the starting values as pseudo-counts."""
    start = AppealPrior.start()
    squares = (titles[:, :, None] * titles[:, None, :] + title_covariance).sum(axis=0)
    counts = shares.sum(axis=0)
    all_counts = counts + PSEUDO_COUNT * start.shares
    mean = (np.einsum("nc,nci->ci", shares, means) + PSEUDO_COUNT * start.shares[:, None] * start.means) / all_counts[
        :, None
    ]
    away = means - mean
    spread = np.einsum("nc,ncij->cij", shares, covariances + away[..., :, None] * away[..., None, :])
    spread += (PSEUDO_COUNT * start.shares)[:, None, None] * start.covariances
    return AppealPrior(
        (squares + PSEUDO_COUNT * start.titles) / (len(titles) + PSEUDO_COUNT) + MIN_VARIANCE * np.eye(2),
        all_counts / all_counts.sum(),
        mean,
        spread / all_counts[:, None, None] + MIN_VARIANCE * np.eye(2),
    )
