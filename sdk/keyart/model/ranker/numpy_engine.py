"""The ranker in numpy: for devices without onnxruntime, for batches of devices, and as the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...linalg import unflagged
from ..features.encode import Floats
from ..features.rows import Rows
from .weights import Weights


@dataclass(frozen=True)
class Scores:
    """The two logits of the candidates; […, N] each."""

    play: Floats
    keep: Floats

    @property
    def value(self) -> Floats:
        """[…, N]: σ(play) σ(keep), the chance of a quality play."""
        return value_of(self.play, self.keep)


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(−x)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)), dtype=x.dtype)


def value_of(play: Floats, keep: Floats) -> Floats:
    """σ(play) σ(keep), to the last bit as two sigmoids give it."""
    return np.asarray(0.25 * (1.0 + np.tanh(0.5 * play)) * (1.0 + np.tanh(0.5 * keep)), dtype=play.dtype)


@unflagged
def keep_logits(weights: Weights, rows: Rows) -> Floats:
    """[…, N]: the keep stage, which knows no viewer and no context beyond the mains."""
    logits: Floats = (
        rows.artwork @ weights.keep_artwork
        + rows.match @ weights.keep_match
        + rows.main @ weights.keep_main
        + rows.appeal[..., 1]
    )
    return logits


@unflagged
def score(weights: Weights, rows: Rows) -> Scores:
    """Scores of the candidates; broadcasts over leading axes."""
    tags = _tag_weights(weights, rows.viewer, rows.context)
    logits = tags @ rows.artwork.swapaxes(-1, -2)  # […, 2, N]
    logits += weights.both_match @ rows.match.swapaxes(-1, -2)
    logits += weights.both_main @ rows.main.swapaxes(-1, -2)
    logits += rows.appeal.swapaxes(-1, -2)
    return Scores(logits[..., 0, :], logits[..., 1, :])


def _tag_weights(weights: Weights, viewer: Floats, context: Floats) -> Floats:
    """[…, 2, Z]: what each tag is worth to this viewer now, w0 + W h̃ + C c, and what it adds to the keep logit.

    Done once, not per candidate.
    """
    lead, h = viewer.shape[:-1], viewer.shape[-1]
    w = weights.play_artwork
    direction = np.empty((*lead, w.shape[1]), dtype=np.float32)
    direction[..., 0] = 1.0
    direction[..., 1 : 1 + h] = viewer
    direction[..., 1 + h :] = context
    both = np.empty((*lead, 2, len(w)), dtype=np.float32)
    both[..., 0, :] = direction @ w.T
    both[..., 1, :] = weights.keep_artwork
    return both


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
