"""The ranker in numpy: for devices without onnxruntime, for batches of devices, and as the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..features.encode import Floats
from ..features.rows import Rows
from .weights import Weights


@dataclass(frozen=True)
class Scores:
    """value = σ(play) σ(keep), and the two logits; […, N] each."""

    value: Floats
    play: Floats
    keep: Floats


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(−x)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)), dtype=x.dtype)


def tag_directions(weights: Weights, viewer: Floats, context: Floats) -> Floats:
    """[…, Z] = w0 + W h̃ + C c: what each tag is worth to this viewer now; done once, not per candidate."""
    h = viewer.shape[-1]
    w = weights.play_artwork
    return np.asarray(w[:, 0] + viewer @ w[:, 1 : 1 + h].T + context @ w[:, 1 + h :].T, dtype=np.float32)


def keep_logits(weights: Weights, rows: Rows) -> Floats:
    """[…, N]: the keep stage, which knows no viewer and no context beyond the mains."""
    logits: Floats = (
        rows.artwork @ weights.keep_artwork
        + rows.match @ weights.keep_match
        + rows.main @ weights.keep_main
        + rows.appeal[..., 1]
    )
    return logits


def score(weights: Weights, rows: Rows) -> Scores:
    """Scores of the candidates; broadcasts over leading axes."""
    direction = tag_directions(weights, rows.viewer, rows.context)
    play = (
        (rows.artwork @ direction[..., None])[..., 0]
        + rows.match @ weights.play_match
        + rows.main @ weights.play_main
        + rows.appeal[..., 0]
    )
    keep = keep_logits(weights, rows)
    return Scores(sigmoid(play) * sigmoid(keep), play, keep)


@dataclass(frozen=True)
class NumpyRanker:
    """The engine that needs numpy alone."""

    weights: Weights
    name: str = "numpy"

    def score(self, rows: Rows) -> Scores:
        """Scores of the candidates, shapes as in `Rows`."""
        return score(self.weights, rows)

    def run(self, inputs: dict[str, Floats]) -> tuple[Floats, Floats, Floats]:
        """The graph's own interface, as `vectors.json` speaks it: value, play, keep, [N] each."""
        viewer, context = inputs["viewer"][0], inputs["context"][0]
        rows = Rows(inputs["artwork"], inputs["match"], inputs["main"], inputs["appeal"], viewer, context)
        scores = self.score(rows)
        return scores.value, scores.play, scores.keep
