"""Curvature without anybody's data: Fisher information on viewers that the server draws from the population's sums.

Viewers: for each bin (strongest genre) a Dirichlet a kind whose mean and spread match Σ h and Σ |h|². Titles: as
often as they were shown, tilted by exp(κ h·g_t) with κ matched to the mean of h·g_t. Pictures: by the policy at the
current model. One Gaussian for all viewers, or uniform titles, make the server's step diverge (learning.md).

Each viewer sees several titles in one context u, so that F = Σ u uᵀ ⊗ (Σ w v vᵀ) is a product of two thin matrices:
drawn row by row it would need tens of thousands of rows, or its small eigenvalues come out far too small
(Marchenko and Pastur 1967) and the step diverges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

import keyart
from keyart.campaigns.kinds.gradient import direction_features
from keyart.model.eligibility import eligible
from keyart.model.features import EncodedCatalog, FeatureSpec, ViewerFeatures
from keyart.model.features.rows import FeatureRows, interaction_features, main_effects
from keyart.model.features.spec import MATCHES_PER_KIND
from keyart.model.features.viewer import sharpen_affinity
from keyart.model.policy import distribution, draw_candidates
from keyart.model.scorer import DecisionLog, Scores, score, sigmoid

from .model import Model

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]

SIMULATED_VIEWERS = 1000
TITLES_PER_VIEWER = 16
MAX_TILT = 60.0
TILT_VIEWERS, TILT_HALVINGS = 200, 12  # enough to match a mean


@dataclass(frozen=True)
class Curvature:
    """Fisher information a decision: play [Pp, Pp], keep [V, V]. direction_mean [U] and vector_mean [2, V]: averages
    of u and v, weighted by the curvature of play and of keep."""

    play: Doubles
    keep: Doubles
    direction_mean: Doubles
    vector_mean: Doubles

    def joined(self, other: Curvature, share: float) -> Curvature:
        """The mean of both, `other` with weight `share`: logs hold what older models showed, too."""
        return Curvature(
            *((1 - share) * getattr(self, f.name) + share * getattr(other, f.name) for f in fields(Curvature))
        )


def simulated(
    part: Mapping[str, Doubles],
    model: Model,
    encoded: EncodedCatalog,
    policy: keyart.Policy,
    rng: np.random.Generator,
) -> Curvature:
    """Curvature at `model` for a population of which only sums are known (`Population.totals`)."""
    spec = encoded.spec
    affinity = simulated_viewers(part["viewers"], encoded, rng)
    taste = (sharpen_affinity(affinity, spec) - model.population_taste).astype(np.float32)
    context = simulated_contexts(part["contexts"], encoded, rng)
    decisions = max(part["outcomes"][0], 1.0)
    shape = (SIMULATED_VIEWERS, TITLES_PER_VIEWER)
    slot, trending = _situations(part["situations"], decisions, shape, rng)
    match_moments = part["matches"].reshape(2, -1) / decisions
    titles = _titles(part["shown"], affinity, match_moments[0], encoded, rng)
    rows = _shown(affinity, taste, context, slot, trending, titles, model, encoded, policy, rng)
    for k, kind in enumerate(spec.match_kinds):
        if kind in spec.open_kinds:  # nobody's people are simulated: only how often they match
            for column in (MATCHES_PER_KIND * k, MATCHES_PER_KIND * k + 1):
                mean, square = match_moments[:, column]
                spread = np.sqrt(max(square - mean**2, 0.0))
                rows.match[..., column] = np.maximum(mean + spread * rng.standard_normal(shape), 0.0)
    return _met(_fisher(rows, score(model.weights, rows)), match_moments[1], spec)


def _met(found: Curvature, squares: Doubles, spec: FeatureSpec) -> Curvature:
    """Curvature whose diagonal is no less at the matches than their mean squares [M], which are told, let expect.

    Simulated viewers hardly meet a rare match, and a weight whose curvature is far too small runs away. Something on
    the diagonal is added alone: another factor for each weight would tilt the directions that no score depends on.
    """
    mains = len(spec.main_names)
    completed = []
    for fisher in (found.play, found.keep):
        intercept = len(fisher) - mains  # its feature is 1
        matches = slice(intercept - len(squares), intercept)
        lacking = np.zeros(len(fisher))
        lacking[matches] = np.maximum(squares * fisher[intercept, intercept] - np.diag(fisher)[matches], 0.0)
        completed.append(fisher + np.diag(lacking))
    return replace(found, play=completed[0], keep=completed[1])


def simulated_viewers(part: Doubles, encoded: EncodedCatalog, rng: np.random.Generator) -> Floats:
    spec = encoded.spec
    member = spec.viewer_members.astype(bool)
    sums = part.reshape(len(spec.leading_tags), 1 + spec.viewer_size + len(spec.viewer_kinds))
    counts = np.maximum(sums[:, 0], 0.0)
    count = SIMULATED_VIEWERS
    out = np.zeros((count, spec.viewer_size), dtype=np.float32)
    out += 1.0 / np.maximum(member.sum(axis=1) @ member, 1)  # nobody with a history yet: the same for all
    if counts.sum() <= 0:
        return out
    bin_of = rng.choice(len(counts), size=count, p=counts / counts.sum())
    for b in np.unique(bin_of):
        here = np.flatnonzero(bin_of == b)
        for kind, columns in enumerate(member):
            mean = np.maximum(sums[b, 1 : 1 + spec.viewer_size][columns] / counts[b], 1e-6)
            mean = mean / mean.sum()
            square = sums[b, 1 + spec.viewer_size + kind] / counts[b]
            spread = square - (mean**2).sum()
            concentration = np.clip((1.0 - square) / max(spread, 1e-6), 0.5, 1e4)
            out[np.ix_(here, columns)] = rng.dirichlet(mean * concentration, size=len(here))
    return out


def simulated_contexts(part: Doubles, encoded: EncodedCatalog, rng: np.random.Generator) -> Floats:
    spec = encoded.spec
    devices = len(spec.devices) + 1
    joint = np.maximum(part, 0.0) + 1e-9
    cell = rng.choice(len(joint), size=SIMULATED_VIEWERS, p=joint / joint.sum())
    context = np.zeros((SIMULATED_VIEWERS, len(spec.context_names)), dtype=np.float32)
    at = np.arange(SIMULATED_VIEWERS)
    context[at, cell // len(spec.dayparts)] = 1.0
    context[at, devices + cell % len(spec.dayparts)] = 1.0
    return context


def _situations(
    part: Doubles, decisions: float, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    mean, square = part.reshape(2, 2) / decisions
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    drawn = np.maximum(mean + spread * rng.standard_normal((*shape, 2)), 0.0).astype(np.float32)
    return drawn[..., 0], drawn[..., 1]


def _titles(
    shown: Doubles, affinity: Floats, match_mean: Doubles, encoded: EncodedCatalog, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Titles by exposure × exp(κ h·g_t), κ by bisection so that the mean of h·g_t (closed kinds) is the real one."""
    spec = encoded.spec
    exposure = np.bincount(encoded.title_of, weights=np.maximum(shown, 0.0), minlength=len(encoded.first) - 1)
    closed = [kind in spec.viewer_kinds for kind in spec.match_kinds]
    target = sum(match_mean[MATCHES_PER_KIND * k + 1] for k, ok in enumerate(closed) if ok)
    columns = [tag.partition(":")[0] in spec.match_kinds for tag in spec.viewer_tags]
    fit = affinity[:, columns].astype(np.float64) @ encoded.title_shares[:, columns].T
    base = np.log(exposure + 1e-3)

    def probabilities(kappa: float, fit: Doubles) -> Doubles:
        logits = base + kappa * fit
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    low, high = -MAX_TILT, MAX_TILT
    few = fit[:TILT_VIEWERS]
    for _ in range(TILT_HALVINGS):
        kappa = (low + high) / 2
        low, high = (kappa, high) if (probabilities(kappa, few) * few).sum(axis=1).mean() < target else (low, kappa)
    cumulated = probabilities((low + high) / 2, fit).cumsum(axis=1)
    uniform = rng.random((len(affinity), TITLES_PER_VIEWER)) * cumulated[:, -1:]
    return np.array([np.searchsorted(row, x, side="right") for row, x in zip(cumulated, uniform, strict=True)])


def _shown(
    affinity: Floats,
    taste: Floats,
    context: Floats,
    slot: Floats,
    trending: Floats,
    titles: npt.NDArray[np.intp],
    model: Model,
    encoded: EncodedCatalog,
    policy: keyart.Policy,
    rng: np.random.Generator,
) -> FeatureRows:
    """Rows [viewers, titles] of the pictures that the policy shows."""
    first, last = encoded.first[titles], encoded.first[titles + 1]
    span = np.arange(int((last - first).max()))
    candidates = np.minimum(first[..., None] + span, last[..., None] - 1)
    exists = first[..., None] + span < last[..., None]
    nobody = np.zeros((1, encoded.open_size), dtype=np.float32)
    viewer = ViewerFeatures(affinity[:, None, None], taste[:, None, None], nobody[:, None])
    contexts = np.broadcast_to(context[:, None], (*titles.shape, context.shape[-1]))
    main = main_effects(encoded.spec, slot, trending, contexts, encoded.title_shares[titles])[..., None, :]
    match = interaction_features(encoded, viewer, candidates, titles[..., None])
    appeal = model.appeal[candidates].astype(np.float32)
    rows = FeatureRows(encoded.artwork[candidates], match, main, appeal, taste[:, None], context[:, None])
    # Nobody knows what simulated viewers have watched, nor where an app sets an age limit.
    allowed = eligible(encoded, policy, candidates, watched=False, exists=exists)
    p = distribution(score(model.weights, rows).value, allowed, policy.gamma(model.base_rate))
    pick = draw_candidates(p, rng.random(titles.shape))[..., None]
    return FeatureRows(
        artwork=encoded.artwork[np.take_along_axis(candidates, pick, axis=-1)[..., 0]],
        match=np.take_along_axis(match, pick[..., None], axis=2)[:, :, 0],
        main=main[:, :, 0],
        appeal=np.take_along_axis(appeal, pick[..., None], axis=2)[:, :, 0],
        viewer=taste,
        context=contexts,
    )


def of_decisions(logs: Sequence[DecisionLog], model: Model) -> Curvature:
    """Curvature of real decisions [n, 1] (`Devices.sample`), heads included."""
    parts = [_fisher(log.rows, log.logits(model.weights)) for log in logs]
    weights = np.array([log.offset.size for log in logs], dtype=np.float64)
    weights /= weights.sum()
    return Curvature(
        *(sum(w * getattr(part, f.name) for w, part in zip(weights, parts, strict=True)) for f in fields(Curvature))
    )


def _fisher(rows: FeatureRows, logits: Scores) -> Curvature:
    """Fisher information a decision, from viewers [n] with titles [n, J] each. logits: of play and completion."""
    play, keep = logits
    q, kappa = sigmoid(play), sigmoid(keep)
    w, wk = q * (1 - q), q * kappa * (1 - kappa)
    u = direction_features(rows)[:, 0]
    v = np.concatenate([rows.artwork, rows.match, rows.main], axis=-1)
    z, parameters = rows.artwork.shape[-1], rows.artwork.shape[-1] * u.shape[1]
    count = w.size
    moments = np.swapaxes(v, 1, 2) @ (v * w[..., None])  # [n, V, V]
    # Both u uᵀ and Σ w z zᵀ are symmetric: their upper halves are multiplied, and spread out again.
    (u_rows, u_columns), u_place = _upper(u.shape[1])
    (z_rows, z_columns), z_place = _upper(z)
    flat_moments = moments.reshape(len(u), -1)
    pairs = (u[:, u_rows] * u[:, u_columns]).T @ flat_moments.take(z_rows * v.shape[-1] + z_columns, axis=1)
    tags = pairs.T.take(z_place, axis=0).take(u_place, axis=2)  # [Z, Z, U, U]
    across = np.tensordot(moments[:, :z, z:], u, axes=(0, 0)).transpose(0, 2, 1)  # [Z, U, M + K]
    fisher = np.empty((parameters + v.shape[-1] - z,) * 2)
    fisher[:parameters, :parameters] = tags.transpose(0, 2, 1, 3).reshape(parameters, parameters)
    fisher[:parameters, parameters:] = across.reshape(parameters, v.shape[-1] - z)
    fisher[parameters:, :parameters] = fisher[:parameters, parameters:].T
    fisher[parameters:, parameters:] = moments[:, z:, z:].sum(axis=0)
    fisher /= count
    flat = v.reshape(count, -1)
    return Curvature(
        play=fisher,
        keep=(flat.T @ (flat * wk.reshape(-1, 1))).astype(np.float64) / count,
        direction_mean=(w.sum(axis=1) @ u / w.sum()).astype(np.float64),
        vector_mean=np.stack([x.reshape(-1) @ flat / x.sum() for x in (w, wk)]).astype(np.float64),
    )


def _upper(size: int) -> tuple[tuple[Places, Places], Places]:
    """Rows and columns of the upper half of a square matrix, and [size, size]: the place in it of each entry."""
    rows, columns = np.triu_indices(size)
    place = np.zeros((size, size), dtype=np.intp)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    return (rows, columns), place
