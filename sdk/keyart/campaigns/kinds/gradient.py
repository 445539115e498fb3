"""Gradient: sums over a device's own log, with the installed bundle and the personal head in the offset.

The whole log is recomputed at each bundle, so that errors in the server's curvature change the speed of learning and
not its limit. Likelihood: play is Bernoulli σ(s), quality given play σ(k).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...model.features.rows import FeatureRows
from ...model.latents import LATENTS
from ...model.ranker.weights import Weights
from ...model.scorer import DecisionLog, sigmoid
from ...types import Doubles, Floats

# A decision's residual and curvature of play, then of completion; 1; r f and w f (`keyart.model.latents`).
ARTWORK_SUMS = 5 + 2 * LATENTS


@dataclass(frozen=True)
class GradientSums:
    """Sums over a device's log, in float64.

    Attributes:
        gradient: ∂ log likelihood / ∂ parameters, in the order of `Weights`, […, P].
        play_trace: Trace of the curvature of the parameters of play, […].
        keep_trace: The same of completion, […].
        artworks: Terms by artwork, still per decision, […, N, `ARTWORK_SUMS`].
    """

    gradient: Doubles
    play_trace: Doubles
    keep_trace: Doubles
    artworks: Doubles


def direction_features(rows: FeatureRows) -> Floats:
    """Return u = [1, h̃, c] of each decision, […, N, U]."""
    lead = rows.context.shape[:-1]
    viewer = np.broadcast_to(rows.viewer[..., None, :], (*lead, rows.viewer.shape[-1]))
    return np.concatenate([np.ones((*lead, 1), dtype=np.float32), viewer, rows.context], axis=-1)


def gradient_sums(weights: Weights, log: DecisionLog) -> GradientSums:
    """Return the gradient and curvature sums of each device's log.

    Features and logits are float32 and the same on a device and in a batch; the sums over them are float64, so that
    padding and the order of a product change nothing that float32 would show.
    """
    rows = log.rows
    play, keep = (logit.astype(np.float64) for logit in log.logits(weights))
    played, quality, counted = (x.astype(np.float64) for x in (log.played, log.quality, log.counted))
    q, kappa = sigmoid(play), sigmoid(keep)
    r = (played - q) * counted
    w = q * (1 - q) * counted
    tried = played * counted
    rk = (quality - kappa) * tried
    wk = kappa * (1 - kappa) * tried
    u = direction_features(rows).astype(np.float64)
    v = np.concatenate([rows.artwork, rows.match, rows.main], axis=-1, dtype=np.float64)
    z = rows.artwork.shape[-1]
    vt = np.swapaxes(v, -1, -2)
    f = log.latents if log.latents is not None else np.zeros((*r.shape, LATENTS))
    tags, others = (v[..., :z] ** 2).sum(-1), (v[..., z:] ** 2).sum(-1)
    return GradientSums(
        gradient=np.concatenate(
            [
                (vt[..., :z, :] @ (u * r[..., None])).reshape(*r.shape[:-1], -1),
                (vt[..., z:, :] @ r[..., None])[..., 0],
                (vt @ rk[..., None])[..., 0],
            ],
            axis=-1,
        ),
        play_trace=(w * (tags * (u**2).sum(-1) + others)).sum(-1),
        keep_trace=(wk * (tags + others)).sum(-1),
        artworks=np.concatenate(
            [np.stack([r, w, rk, wk, counted], axis=-1), r[..., None] * f, w[..., None] * f], axis=-1
        ),
    )
