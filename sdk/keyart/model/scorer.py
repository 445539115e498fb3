"""Logits of logged decisions."""

from __future__ import annotations

from dataclasses import dataclass

from ..linalg import unflagged
from .features.encode import Floats
from .features.rows import Rows
from .ranker.numpy_engine import keep_logits
from .ranker.weights import Weights


@dataclass(frozen=True)
class Log:
    """What was shown and what came of it. […] devices, N decisions; rows.context […, N, C], rows.viewer […, H].

    offset […, N]: what the device adds to the play logit: head, own, latents. played, quality […, N]: 0 or 1. counted
    […, N]: 1, or 0 for padding. latents […, N, F]: the viewer's, for each decision's title; None: there are none.
    """

    rows: Rows
    offset: Floats
    played: Floats
    quality: Floats
    counted: Floats
    latents: Floats | None = None


@unflagged
def log_scores(weights: Weights, rows: Rows) -> tuple[Floats, Floats]:
    """Logits (play without head, keep) […, N] of a log, where each decision has a context of its own."""
    w, h = weights.play_artwork, rows.viewer.shape[-1]
    of_viewer = w[:, 0] + rows.viewer @ w[:, 1 : 1 + h].T
    play = (
        (rows.artwork @ of_viewer[..., None])[..., 0]
        + ((rows.artwork @ w[:, 1 + h :]) * rows.context).sum(-1)
        + rows.match @ weights.play_match
        + rows.main @ weights.play_main
        + rows.appeal[..., 0]
    )
    return play, keep_logits(weights, rows)
