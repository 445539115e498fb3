"""Curvature without anybody's data: Fisher information of viewers that are drawn from the population's sums.

For each bin (strongest genre), viewers are drawn from a Dirichlet distribution a kind, whose mean and spread match
Σ h and Σ |h|². Titles are drawn as often as they were shown, tilted by exp(κ h·g_t), with κ matched to the mean of
h·g_t; artworks by the policy at the current model. With one Gaussian for all viewers, or with uniform titles, the
server's step diverges (docs/decisions/0003-simulated-curvature.md).

Each viewer sees several titles in one context u, so that F = Σ u uᵀ ⊗ (Σ w v vᵀ) is a product of two thin matrices.
Row by row it would need tens of thousands of rows, or its small eigenvalues come out far too small (Marchenko and
Pastur 1967, "Distribution of eigenvalues for some sets of random matrices") and the step diverges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

import keyart
from keyart.campaigns import direction_features
from keyart.model import (
    MATCHES_PER_KIND,
    DecisionLog,
    EncodedCatalog,
    FeatureRows,
    FeatureSpec,
    Scores,
    ViewerFeatures,
    distribution,
    draw_candidates,
    eligible,
    interaction_features,
    main_effects,
    score,
    sharpen_affinity,
    sigmoid,
)

from ..types import Doubles, Floats, Ints
from .model import GlobalModel

SIMULATED_VIEWERS = 1000
TITLES_PER_VIEWER = 16
MEAN_DECISIONS = 4.0  # simulated decisions by which the means of one artwork are drawn towards those of all
MAX_TILT = 60.0
TILT_VIEWERS, TILT_HALVINGS = 200, 12  # enough to match a mean


@dataclass(frozen=True)
class Curvature:
    """Fisher information of a decision. Field names are names in a checkpoint.

    Attributes:
        play: Information on the weights of play, [Pp, Pp].
        keep: Information on the weights of completion, [V, V].
        weights: Information on an artwork's logits of play and of completion, [n, 2].
        directions: By artwork, the sum of u of those who see it, weighted by the curvature of play, [n, U].
        vectors: By artwork, the sums of matches and main effects, weighted by the curvature of play and of
            completion, [2, n, M + K].
    """

    play: Doubles
    keep: Doubles
    weights: Doubles
    directions: Doubles
    vectors: Doubles

    def means(self, column: int, sums: Doubles) -> Doubles:
        """Return sums by artwork [n, columns] as means, those of hardly seen artworks drawn towards the mean of all.

        Args:
            column: Weights of the sums: 0 for the curvature of play, 1 for that of completion.
            sums: Sums by artwork, [n, columns].
        """
        weight = self.weights[:, column]
        pseudo = MEAN_DECISIONS / (SIMULATED_VIEWERS * TITLES_PER_VIEWER) * weight.sum()
        return np.asarray((sums + pseudo * sums.sum(axis=0) / weight.sum()) / (weight + pseudo)[:, None])

    def joined(self, other: Curvature, share: float) -> Curvature:
        """Return the mean of both, with weight `share` on `other`: a log also holds decisions of older models."""
        return Curvature(
            *((1 - share) * getattr(self, f.name) + share * getattr(other, f.name) for f in fields(Curvature))
        )


def simulated(
    part: Mapping[str, Doubles],
    model: GlobalModel,
    encoded: EncodedCatalog,
    policy: keyart.Policy,
    rng: np.random.Generator,
) -> Curvature:
    """Return the curvature at a model for a population of which only sums are known.

    Args:
        part: Sums of the population, by name (`Population.totals`).
        model: The global model.
        encoded: The catalogue.
        policy: Policy by which devices draw artworks.
        rng: Randomness of viewers, titles and artworks.
    """
    spec = encoded.spec
    affinity = simulated_viewers(part["viewers"], encoded, rng)
    taste = (sharpen_affinity(affinity, spec) - model.population_taste).astype(np.float32)
    context = simulated_contexts(part["contexts"], encoded, rng)
    decisions = max(part["outcomes"][0], 1.0)
    shape = (SIMULATED_VIEWERS, TITLES_PER_VIEWER)
    slot, trending = _situations(part["situations"], decisions, shape, rng)
    match_moments = part["matches"].reshape(2, -1) / decisions
    titles = _titles(part["shown"], affinity, match_moments[0], encoded, rng)
    rows, artworks = _shown(affinity, taste, context, slot, trending, titles, model, encoded, policy, rng)
    for k, kind in enumerate(spec.match_kinds):
        if kind in spec.open_kinds:  # high-cardinality values are not simulated, only how often they match
            for column in (MATCHES_PER_KIND * k, MATCHES_PER_KIND * k + 1):
                mean, square = match_moments[:, column]
                spread = np.sqrt(max(square - mean**2, 0.0))
                rows.match[..., column] = np.maximum(mean + spread * rng.standard_normal(shape), 0.0)
    fisher = _fisher(rows, score(model.weights, rows), artworks, len(encoded.artwork))
    return _with_rare_matches(fisher, match_moments[1], spec)


def _with_rare_matches(curvature: Curvature, squares: Doubles, spec: FeatureSpec) -> Curvature:
    """Return the curvature with a diagonal at the matches that is no less than their mean squares [M] let expect.

    Simulated viewers hardly meet a rare match, and a weight whose curvature is far too small runs away. The missing
    part is added on the diagonal alone: a factor for each weight would tilt the directions that no score depends
    on.
    """
    mains = len(spec.main_names)
    completed = []
    for fisher in (curvature.play, curvature.keep):
        intercept = len(fisher) - mains  # its feature is 1
        matches = slice(intercept - len(squares), intercept)
        lacking = np.zeros(len(fisher))
        lacking[matches] = np.maximum(squares * fisher[intercept, intercept] - np.diag(fisher)[matches], 0.0)
        completed.append(fisher + np.diag(lacking))
    return replace(curvature, play=completed[0], keep=completed[1])


def simulated_viewers(part: Doubles, encoded: EncodedCatalog, rng: np.random.Generator) -> Floats:
    """Return viewer features [SIMULATED_VIEWERS, H] that match the population's sums by bin."""
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
        members = np.flatnonzero(bin_of == b)
        for kind, columns in enumerate(member):
            mean = np.maximum(sums[b, 1 : 1 + spec.viewer_size][columns] / counts[b], 1e-6)
            mean = mean / mean.sum()
            square = sums[b, 1 + spec.viewer_size + kind] / counts[b]
            spread = square - (mean**2).sum()
            concentration = np.clip((1.0 - square) / max(spread, 1e-6), 0.5, 1e4)
            out[np.ix_(members, columns)] = rng.dirichlet(mean * concentration, size=len(members))
    return out


def simulated_contexts(part: Doubles, encoded: EncodedCatalog, rng: np.random.Generator) -> Floats:
    """Return contexts [SIMULATED_VIEWERS, C], drawn from counts by device class and daypart."""
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
    """Draw slots and trends with the population's means and spreads."""
    mean, square = part.reshape(2, 2) / decisions
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    drawn = np.maximum(mean + spread * rng.standard_normal((*shape, 2)), 0.0).astype(np.float32)
    return drawn[..., 0], drawn[..., 1]


def _titles(
    shown: Doubles, affinity: Floats, match_mean: Doubles, encoded: EncodedCatalog, rng: np.random.Generator
) -> Ints:
    """Draw titles by exposure × exp(κ h·g_t), with κ by bisection so that the mean of h·g_t is the population's.

    Only low-cardinality kinds enter h·g_t.
    """
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
    titles: Ints,
    model: GlobalModel,
    encoded: EncodedCatalog,
    policy: keyart.Policy,
    rng: np.random.Generator,
) -> tuple[FeatureRows, Ints]:
    """Return the rows [viewers, titles] of the artworks that the policy shows, and their places."""
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
    artworks = np.take_along_axis(candidates, pick, axis=-1)[..., 0]
    shown = FeatureRows(
        artwork=encoded.artwork[artworks],
        match=np.take_along_axis(match, pick[..., None], axis=2)[:, :, 0],
        main=main[:, :, 0],
        appeal=np.take_along_axis(appeal, pick[..., None], axis=2)[:, :, 0],
        viewer=taste,
        context=contexts,
    )
    return shown, artworks


def of_decisions(samples: Sequence[tuple[DecisionLog, Ints]], model: GlobalModel) -> Curvature:
    """Return the curvature of real decisions [n, 1] with the places of their artworks, heads included.

    The decisions are those of `keyart_federated.simulation.pooled_logs`.
    """
    count, samples = len(model.appeal), [sample for sample in samples if sample[1].size]
    parts = [_fisher(log.rows, log.logits(model.weights), artworks, count) for log, artworks in samples]
    weights = np.array([artworks.size for _, artworks in samples], dtype=np.float64)
    weights /= weights.sum()
    return Curvature(
        *(sum(w * getattr(part, f.name) for w, part in zip(weights, parts, strict=True)) for f in fields(Curvature))
    )


def _fisher(rows: FeatureRows, logits: Scores, artworks: Ints, artwork_count: int) -> Curvature:
    """Return the Fisher information of a decision.

    Args:
        rows: Rows of viewers with the titles that each sees, [n, J].
        logits: Logits of play and of completion, [n, J].
        artworks: Places of the artworks that they see, [n, J].
        artwork_count: Number of artworks in the catalogue.
    """
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
        weights=np.stack([np.bincount(artworks.ravel(), x.ravel(), artwork_count) for x in (w, wk)], axis=1) / count,
        directions=_sums_by_artwork(w, np.repeat(u, w.shape[1], axis=0), artworks, artwork_count),
        vectors=np.stack([_sums_by_artwork(x, flat[:, z:], artworks, artwork_count) for x in (w, wk)]),
    )


def _sums_by_artwork(
    weights: Floats, values: npt.NDArray[np.floating], artworks: Ints, artwork_count: int
) -> Doubles:
    """Return weighted sums of values by artwork, divided by the number of decisions d, [artwork_count, columns].

    Args:
        weights: Weights, d in all.
        values: Values, [d, columns].
        artworks: Places of the artworks, d in all.
        artwork_count: Number of artworks.
    """
    weight, place = weights.reshape(-1).astype(np.float64), artworks.reshape(-1)
    sums = [np.bincount(place, weight * column, artwork_count) for column in values.T]
    return np.stack(sums, axis=1) / weight.size


def _upper(size: int) -> tuple[tuple[Ints, Ints], Ints]:
    """Return rows and columns of a square matrix's upper half, and each entry's place in it [size, size]."""
    rows, columns = np.triu_indices(size)
    place = np.zeros((size, size), dtype=np.intp)
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    return (rows, columns), place
