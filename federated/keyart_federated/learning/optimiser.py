"""The server's step: from the sum of a cohort's vectors to the next model. Two functions over explicit state.

    θ ← θ + damping · (F + L)⁻¹ (g − L (θ − μ))

g: summed gradient of the whole logs. F: Fisher information on simulated viewers (`curvature`), rescaled to the exact
diagonal. L: prior precisions by block, by MacKay's
evidence step (MacKay 1992, "Bayesian interpolation", eq. 2.22). Then the tables of titles and pictures, from their
residual sums less what the step of θ already explains: one intercept must not be corrected three times. Last the
pictures' latents (`latents`), on what that leaves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart.campaigns.vector_layout import ARTWORK_SUMS, TrainingLayout
from keyart.catalog import kind_of
from keyart.linalg import inverse
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.features.spec import MATCHES_PER_KIND
from keyart.model.latents import LATENTS
from keyart.model.ranker import Weights
from keyart.model.ranker.weights import play_parameters, shapes

from . import latents
from .curvature import Curvature
from .latents import ArtworkLatents
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
class Settings:
    """damping: share of the Newton step that is taken."""

    damping: float = 0.65


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
    decisions: float = 0.0
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


def apply(
    state: State,
    total: Doubles,
    curvature: Curvature,
    encoded: EncodedCatalog,
    settings: Settings,
    exact: bool = False,
) -> State:
    """The state after a round. total: float sums in the places of TrainingLayout. curvature: of the decisions that
    came with this round, or of all of them where it is `exact` (the central peer)."""
    spec = encoded.spec
    layout = TrainingLayout(spec, len(encoded.artwork))
    part = layout.parts(total)
    decisions, _, quality = part["outcomes"]
    if decisions <= 0:
        return state
    if state.curvature is not None and not exact:
        curvature = state.curvature.joined(curvature, min(max(1 - state.decisions / decisions, FRESH_SHARE), 1.0))
    blocks = Blocks.of(spec)
    play_size = play_parameters(spec)
    old = state.model.theta
    prior = Weights.zero_shot(spec).flat()
    g, diagonal = part["gradient"], part["diagonal"]
    play, keep = (
        _advance(
            stage,
            g[part_of],
            _completed(moments * decisions, diagonal[part_of]),
            old[part_of],
            prior[part_of],
            block,
            decisions,
            settings.damping,
            spec,
        )
        for stage, moments, block, part_of in (
            (state.play, curvature.play, blocks.play, slice(play_size)),
            (state.keep, curvature.keep, blocks.keep, slice(play_size, None)),
        )
    )
    step = np.concatenate([play.step, keep.step])

    explained = explained_by(step, curvature, encoded)
    sums = part["artworks"].reshape(-1, ARTWORK_SUMS)
    tables = [_tables(sums[:, 2 * c], sums[:, 2 * c + 1], explained[:, c], state, c, encoded) for c in (0, 1)]
    title_appeal = np.stack([t for t, _, _ in tables], axis=1)
    artwork_appeal = np.stack([a for _, a, _ in tables], axis=1)
    appeal = title_appeal[encoded.title_of] + artwork_appeal
    of_artworks = state.latents
    if state.rounds > 0:  # the first round moves the ranker far: what is left of it would be taken for latents
        of_artworks = latents.advance(
            state.latents,
            sums,
            part["latents"].reshape(-1, LATENTS),
            Weights.from_flat(spec, step).play_artwork,
            (appeal - state.model.appeal)[:, 0],
            encoded,
            settings.damping,
        )
    theta, population_taste = old + step, state.model.population_taste
    taste = part["taste"]
    if state.rounds == 0 and taste[-1] >= 1.0:
        # The centre of h̃ gives W its meaning: set once, by the first round, with w0 moved so that no score changes.
        centre = taste[:-1] / taste[-1]
        theta = recentred(theta, centre - population_taste, spec)
        population_taste = centre
    model = replace(
        state.model,
        theta=theta,
        population_taste=population_taste,
        appeal=appeal,
        artwork_latents=of_artworks.table(encoded),
        base_rate=float(np.clip(quality / decisions, *BASE_RATE_RANGE)),
        version=state.model.version + 1,
    )
    return State(
        model,
        title_appeal,
        artwork_appeal,
        play,
        keep,
        np.stack([variance for _, _, variance in tables]),
        of_artworks,
        float(decisions),
        curvature,
        state.rounds + 1,
    )


def recentred(theta: Doubles, shift: Doubles, spec: FeatureSpec) -> Doubles:
    shape = shapes(spec)["play_artwork"]
    size = int(np.prod(shape))
    matrix = theta[:size].reshape(shape).copy()
    matrix[:, 0] += matrix[:, 1 : 1 + len(shift)] @ shift
    return np.concatenate([matrix.ravel(), theta[size:]])


def _completed(fisher: Doubles, exact: Doubles) -> Doubles:
    """The simulated curvature at the real scale, with what its diagonal lacks added.

    One factor for all of it: one-hot contexts and palettes make directions that no score depends on, and a factor a
    coordinate would tilt them, so that the step runs away along directions whose curvature only looks small.
    """
    scaled = fisher * (exact.sum() / max(float(np.trace(fisher)), 1e-9))
    return np.asarray(scaled + np.diag(np.maximum(exact - np.diag(scaled), 0.0)))


def _advance(
    stage: Stage,
    g: Doubles,
    fisher: Doubles,
    theta: Doubles,
    prior: Doubles,
    block: Ints,
    decisions: float,
    damping: float,
    spec: FeatureSpec,
) -> Stage:
    """A damped Newton step, and the blocks' variances by MacKay's evidence step at where it leads."""
    secants = with_secant(stage, g / decisions)
    fisher = fisher + decisions * (secants.T @ secants)
    per_weight = stage.variance[block].copy()
    intercept = len(theta) - len(spec.main_names)
    per_weight[intercept] = INTERCEPT_VARIANCE
    precision = 1.0 / per_weight
    covariance = inverse(fisher + np.diag(precision))
    newton = covariance @ (g - precision * (theta - prior))
    away = (theta + newton - prior) ** 2
    well_determined = 1.0 - precision * np.diag(covariance)
    away[intercept] = well_determined[intercept] = 0.0
    step = damping * newton
    return Stage(
        variance=evidence(stage.variance, away, well_determined, block),
        step=step,
        slope=float(g @ step) / decisions,
        assumed=fisher @ step / decisions,
        secants=secants,
    )


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


def _tables(
    residual: Doubles,
    curvature: Doubles,
    explained: Doubles,
    state: State,
    column: int,
    encoded: EncodedCatalog,
) -> tuple[Doubles, Doubles, Doubles]:
    """Titles, then pictures: shrunken Newton steps on what θ leaves, and their variances by evidence."""
    variance = state.table_variance[column]
    titles, artworks = state.title_appeal[:, column], state.artwork_appeal[:, column]
    left = residual - curvature * explained
    of_title = encoded.title_of
    title_left = np.bincount(of_title, weights=left, minlength=len(titles))
    title_curvature = np.bincount(of_title, weights=curvature, minlength=len(titles))
    title_step = (title_left - titles / variance[0]) / (title_curvature + 1.0 / variance[0])
    left = left - curvature * title_step[of_title]
    artwork_step = (left - artworks / variance[1]) / (curvature + 1.0 / variance[1])
    new_titles, new_artworks = titles + title_step, artworks + artwork_step
    updated = [
        _table_variance(new_titles, title_curvature, variance[0]),
        _table_variance(new_artworks, curvature, variance[1]),
    ]
    return new_titles, new_artworks, np.array(updated)


def _table_variance(values: Doubles, curvature: npt.NDArray[Any], variance: float) -> float:
    gamma = (curvature / (curvature + 1.0 / variance)).sum()
    return float(np.clip(((values**2).sum() + variance) / (gamma + 1.0), *TABLE_VARIANCE_RANGE))
