"""A damped Newton step on the ranker's weights, with prior variances by block and secants for missing curvature.

Weights of one kind form a block and share one prior variance. After each step MacKay's evidence step (MacKay 1992,
"Bayesian interpolation", eq. 2.22) moves that variance to what the weights of the block have come to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keyart.catalog import kind_of
from keyart.linalg import inverse
from keyart.model import MATCHES_PER_KIND, EncodedCatalog, FeatureSpec, Weights, weight_shapes

from ..types import Doubles, Ints
from .curvature import Curvature

VARIANCE_RANGE = (1e-4, 1.0)  # of a block's weights: at the lower end they are off, at the upper end free
STARTING_VARIANCE = 0.03
INTERCEPT_VARIANCE = 1.0
MAX_SECANT_RATIO = 20.0
SECANTS_KEPT = 30


@dataclass(frozen=True)
class NewtonStage:
    """The memory of a step for the next one, for the weights of play or of completion.

    Names are stored in checkpoints.

    Attributes:
        variance: Prior variances, [blocks].
        step: The last step, [P].
        slope: Slope of the log likelihood a decision along the step, where the step began.
        assumed: Curvature a decision times the step, [P].
        secants: Vectors a whose Σ a aᵀ is the curvature a decision that earlier steps found missing, [r, P].
    """

    variance: Doubles
    step: Doubles
    slope: float
    assumed: Doubles
    secants: Doubles

    @classmethod
    def start(cls, blocks: Ints, doubt: float = 1.0) -> NewtonStage:
        """Return the memory before the first step; `doubt` is a share of the starting variances."""
        zeros = np.zeros(len(blocks))
        return cls(
            np.full(blocks.max() + 1, doubt * STARTING_VARIANCE), zeros, 0.0, zeros, np.zeros((0, len(blocks)))
        )


@dataclass(frozen=True)
class Blocks:
    """The block of each weight of play, [P_play], and of each weight of completion, [P_keep]."""

    play: Ints
    keep: Ints

    @classmethod
    def of(cls, spec: FeatureSpec) -> Blocks:
        """Return the blocks of a feature spec: one a pair of kinds, and one a kind of single weights."""

        def number(labels: list[str]) -> Ints:
            numbers = {label: i for i, label in enumerate(dict.fromkeys(labels))}
            return np.array([numbers[label] for label in labels], dtype=np.intp)

        u_kinds = [kind_of(name) for name in spec.direction_names]
        z_kinds = [kind_of(tag) for tag in spec.artwork_tags]
        vectors = [f"match {name}" for name in spec.match_names]
        vectors += [f"main {kind_of(name)}" for name in spec.main_names]
        return cls(
            play=number([f"{zk} × {uk}" for zk in z_kinds for uk in u_kinds] + vectors),
            keep=number([f"keep {zk}" for zk in z_kinds] + vectors),
        )


def recentred(theta: Doubles, shift: Doubles, spec: FeatureSpec) -> Doubles:
    """Return weights [P] with the same scores for tastes that are measured from a centre moved by `shift` [H]."""
    shape = weight_shapes(spec)["play_artwork"]
    size = int(np.prod(shape))
    matrix = theta[:size].reshape(shape).copy()
    matrix[:, 0] += matrix[:, 1 : 1 + len(shift)] @ shift
    return np.concatenate([matrix.ravel(), theta[size:]])


def damped_step(
    variance: Doubles,
    precision: Doubles,
    pull: Doubles,
    away: Doubles,
    block: Ints,
    mains: int,
    damping: float,
) -> tuple[Doubles, Doubles]:
    """Return a damped step to the posterior mean [P], and the blocks' next prior variances [blocks].

    With the observation's precision A, its pull A Δ, prior precisions L and the prior mean μ, the full step from θ is
    (A + L)⁻¹ (A Δ − L (θ − μ)). The evidence step is taken where the full step leads. The intercept has a prior
    variance of its own, which stays.

    Args:
        variance: Prior variances, [blocks].
        precision: A, [P, P] (`Information.of_truth`).
        pull: A Δ, [P].
        away: θ − μ, [P].
        block: Block of each weight, [P].
        mains: Number of main effects, which are the last weights; the intercept is the first of them.
        damping: Share of the full step that is taken.
    """
    prior_variance = variance[block].copy()
    intercept = len(block) - mains
    prior_variance[intercept] = INTERCEPT_VARIANCE
    covariance = inverse(precision + np.diag(1.0 / prior_variance))
    full_step = covariance @ (pull - away / prior_variance)
    squares = (away + full_step) ** 2
    determined = 1.0 - np.diag(covariance) / prior_variance
    squares[intercept] = determined[intercept] = 0.0
    return damping * full_step, evidence(variance, squares, determined, block)


def evidence(variance: Doubles, away: Doubles, determined: Doubles, block: Ints) -> Doubles:
    """Return the next prior variances [blocks] by MacKay's fixed point Σ (θ − μ)² / γ.

    One pseudo-weight with the old variance holds each of them back.

    Args:
        variance: Prior variances so far, [blocks].
        away: (θ − μ)², [P].
        determined: Share of each weight that the data determine, and not the prior, [P]; their sum in a block is γ.
            A weight with 0 here and in `away` counts in no block.
        block: Block of each weight, [P].
    """
    size = np.bincount(block, minlength=len(variance))
    gamma = np.bincount(block, weights=determined, minlength=len(variance))
    squares = np.bincount(block, weights=away, minlength=len(variance))
    return np.clip((squares + variance) / (np.clip(gamma, 0.0, size) + 1.0), *VARIANCE_RANGE)


def with_secant(stage: NewtonStage, slope_vector: Doubles, tolerance: float = 0.0) -> Doubles:
    """Return the secants [r, P], with one more if the last step met more curvature than it assumed.

    Along the step s the slope fell by sᵀ F s, as measured. If that is more than assumed, F is raised along F s to
    fit: the rank-one part of a BFGS update, which can only add (Nocedal and Wright 2006, "Numerical optimization",
    eq. 6.19). So a wrong F costs a round and not the model.

    Args:
        stage: The last step.
        slope_vector: Gradient a decision after it, [P].
        tolerance: Part of the fall that noise in the gradient may explain.
    """
    expected = float(stage.assumed @ stage.step)
    if expected <= 0.0:
        return stage.secants
    ratio = (stage.slope - float(slope_vector @ stage.step) - tolerance) / expected
    if ratio <= 1.0:
        return stage.secants
    excess = min(ratio, MAX_SECANT_RATIO) - 1.0
    secant = stage.assumed * np.sqrt(excess / expected)
    return np.concatenate([stage.secants, secant[None]])[-SECANTS_KEPT:]


def explained_by(step: Doubles, curvature: Curvature, encoded: EncodedCatalog) -> Doubles:
    """Return by how much a step of the weights [P] moves each artwork's logits of play and of completion, [n, 2].

    The viewer and the context are the average ones of those who see the artwork, weighted by the curvature: a policy
    shows it to those whose taste it meets, so that a step of the matches moves it by more than the mean of all says.
    """
    spec = encoded.spec
    matches = len(spec.match_names)
    weights = Weights.from_flat(spec, step)
    moved = np.zeros((len(encoded.artwork), 2))
    by_tag = (
        np.einsum("nz,nz->n", encoded.artwork, curvature.means(0, curvature.directions) @ weights.play_artwork.T),
        encoded.artwork @ weights.keep_artwork,
    )
    by_vector = (
        np.concatenate([weights.play_match, weights.play_main]),
        np.concatenate([weights.keep_match, weights.keep_main]),
    )
    for column in (0, 1):
        vector = curvature.means(column, curvature.vectors[column])
        for part in (2, 3):  # matches of the artwork with its title, which depend on no viewer
            vector[:, part : matches - 1 : MATCHES_PER_KIND] = encoded.fixed_match[:, part:-1:MATCHES_PER_KIND]
        vector[:, vector.shape[1] - spec.viewer_size :] = encoded.title_shares[encoded.title_of]
        moved[:, column] = by_tag[column] + vector @ by_vector[column]
    return moved
