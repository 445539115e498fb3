"""What a step of learning changes, and the parts of a step: blocks of prior variances by MacKay's evidence step
(MacKay 1992, "Bayesian interpolation", eq. 2.22), secants, and what a step of the weights explains of the tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.catalog import kind_of
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.features.spec import MATCHES_PER_KIND
from keyart.model.ranker import Weights
from keyart.model.ranker.weights import weight_shapes

from .artwork_latents import ArtworkLatents
from .curvature import Curvature
from .model import Model

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

VARIANCE_RANGE = (1e-4, 1.0)  # of a block's weights; below the first they are off, above the second free
TABLE_VARIANCE_RANGE = (1e-3, 1.0)
MAX_SECANT_RATIO = 20.0
SECANTS_KEPT = 30
STARTING_VARIANCE = 0.03
INTERCEPT_VARIANCE = 25.0
# Logs hold what older models showed, but the gradient is at this one: with few new decisions, a curvature that only
# remembers makes the step run away.
FRESH_SHARE = 0.5
BASE_RATE_RANGE = (1e-3, 0.999)  # a manifest's is above 0 and below 1


@dataclass(frozen=True)
class Stage:
    """What the next step of play, or of keep, remembers.

    variance [blocks]: prior variances. step [P]: the last one. slope: of the log likelihood a decision along it,
    where it began; assumed [P]: curvature a decision times the step. secants [r, P]: curvature a decision that
    earlier steps found missing, as Σ a aᵀ.
    """

    variance: Doubles
    step: Doubles
    slope: float
    assumed: Doubles
    secants: Doubles

    @classmethod
    def start(cls, blocks: Ints) -> Stage:
        nothing = np.zeros(len(blocks))
        return cls(np.full(blocks.max() + 1, STARTING_VARIANCE), nothing, 0.0, nothing, np.zeros((0, len(blocks))))


@dataclass(frozen=True)
class State:
    """What a round changes: the model, tables of titles [t, 2] and pictures [n, 2], variances, rounds so far."""

    model: Model
    title_appeal: Doubles
    artwork_appeal: Doubles
    play: Stage
    keep: Stage
    table_variance: Doubles
    latents: ArtworkLatents
    curvature: Curvature | None = None
    rounds: int = 0


@dataclass(frozen=True)
class Blocks:
    """Which block each parameter belongs to; a block shares one prior variance. Index arrays [P_play], [P_keep]."""

    play: Ints
    keep: Ints

    @classmethod
    def of(cls, spec: FeatureSpec) -> Blocks:
        def number(names: list[str]) -> Ints:
            order = {name: i for i, name in enumerate(dict.fromkeys(names))}
            return np.array([order[name] for name in names], dtype=np.intp)

        u_kinds = [kind_of(name) for name in spec.direction_names]
        z_kinds = [kind_of(tag) for tag in spec.artwork_tags]
        vectors = [f"match {name}" for name in spec.match_names]
        vectors += [f"main {kind_of(name)}" for name in spec.main_names]
        return cls(
            play=number([f"{zk} × {uk}" for zk in z_kinds for uk in u_kinds] + vectors),
            keep=number([f"keep {zk}" for zk in z_kinds] + vectors),
        )


def init(model: Model, encoded: EncodedCatalog) -> State:
    """State before the first round."""
    blocks = Blocks.of(encoded.spec)
    return State(
        model=model,
        title_appeal=np.zeros((len(encoded.first) - 1, 2)),
        artwork_appeal=np.zeros((len(encoded.artwork), 2)),
        play=Stage.start(blocks.play),
        keep=Stage.start(blocks.keep),
        table_variance=np.full((2, 2), STARTING_VARIANCE),
        latents=ArtworkLatents.start(encoded),
    )


def recentred(theta: Doubles, shift: Doubles, spec: FeatureSpec) -> Doubles:
    shape = weight_shapes(spec)["play_artwork"]
    size = int(np.prod(shape))
    matrix = theta[:size].reshape(shape).copy()
    matrix[:, 0] += matrix[:, 1 : 1 + len(shift)] @ shift
    return np.concatenate([matrix.ravel(), theta[size:]])


def evidence(variance: Doubles, away: Doubles, determined: Doubles, block: Ints) -> Doubles:
    """[blocks]: the next prior variances, by MacKay's fixed point Σ(θ−μ)² / γ, held back by one pseudo-weight at the
    old one. away [P]: (θ − μ)²; determined [P]: how far the data, and not the prior, say what a weight is; both 0 for
    a weight that no block answers for."""
    size = np.bincount(block, minlength=len(variance))
    gamma = np.bincount(block, weights=determined, minlength=len(variance))
    squares = np.bincount(block, weights=away, minlength=len(variance))
    return np.clip((squares + variance) / (np.clip(gamma, 0.0, size) + 1.0), *VARIANCE_RANGE)


def with_secant(stage: Stage, slope_vector: Doubles, doubt: float = 0.0) -> Doubles:
    """The secants, and one more if the last step met more curvature than was assumed, and more than `doubt` would
    explain: what noise may make of the slope.

    Along the step s the slope fell by sᵀ F s, as measured; where that is more than assumed, F is raised along F s to
    fit (the rank-one part of a BFGS update, which can only add). So a wrong F costs a round and not the model.
    """
    expected = float(stage.assumed @ stage.step)
    if expected <= 0.0:
        return stage.secants
    ratio = (stage.slope - float(slope_vector @ stage.step) - doubt) / expected
    if ratio <= 1.0:
        return stage.secants
    excess = min(ratio, MAX_SECANT_RATIO) - 1.0
    secant = stage.assumed * np.sqrt(excess / expected)
    return np.concatenate([stage.secants, secant[None]])[-SECANTS_KEPT:]


def explained_by(step: Doubles, curvature: Curvature, encoded: EncodedCatalog) -> Doubles:
    """[n, 2]: by how much the step of θ moves each picture's logits, at the average viewer and context."""
    spec = encoded.spec
    z, matches = spec.artwork_size, len(spec.match_names)
    weights = Weights.from_flat(spec, step)
    out = np.zeros((len(encoded.artwork), 2))
    by_tag = (weights.play_artwork @ curvature.direction_mean, weights.keep_artwork)
    by_vector = (
        np.concatenate([weights.play_match, weights.play_main]),
        np.concatenate([weights.keep_match, weights.keep_main]),
    )
    for column in (0, 1):
        known = np.tile(curvature.vector_mean[column, z:], (len(encoded.artwork), 1))
        for part in (2, 3):  # what depends on no viewer
            known[:, part : matches - 1 : MATCHES_PER_KIND] = encoded.fixed_match[:, part:-1:MATCHES_PER_KIND]
        known[:, known.shape[1] - spec.viewer_size :] = encoded.title_shares[encoded.title_of]
        out[:, column] = encoded.artwork @ by_tag[column] + known @ by_vector[column]
    return out
