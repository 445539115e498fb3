"""The ranker in numpy: for devices without onnxruntime, for batches of devices, and as the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from ...linalg import unflagged
from ...types import Doubles, Floats
from ..features.rows import FeatureRows
from .weights import Weights

Reals = TypeVar("Reals", Floats, Doubles)


class Scores(NamedTuple):
    """The two logits of the candidates, […, N] each."""

    play: Floats
    keep: Floats

    @property
    def value(self) -> Floats:
        """Return σ(play) σ(keep), the probability of a quality play, […, N]."""
        return value_of(self.play, self.keep)


def sigmoid(x: Reals) -> Reals:
    """Return 1 / (1 + exp(−x)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)), dtype=x.dtype)


def value_of(play: Floats, keep: Floats) -> Floats:
    """Return σ(play) σ(keep), the same to the last bit as two sigmoids."""
    value = np.tanh(0.5 * play)
    value += 1.0
    kept = np.tanh(0.5 * keep)
    kept += 1.0
    value *= kept
    value *= 0.25  # a power of 2, which rounds nothing
    return np.asarray(value, dtype=play.dtype)


@unflagged
def score(weights: Weights, rows: FeatureRows) -> Scores:
    """Return the ranker's two logits of candidates, or of the decisions of a log.

    It broadcasts over leading axes, and no candidate's bits depend on what it is scored beside: neither on other
    candidates nor on other devices.

    Args:
        weights: of the ranker.
        rows: with one context a viewer, […, C], or one a decision, […, N, C].

    Returns:
        Scores, […, N] each.
    """
    w, viewer, context = weights.play_artwork, rows.viewer, rows.context
    each = context.ndim > viewer.ndim
    split = 1 + viewer.shape[-1]
    direction = np.empty((*context.shape[:-1], w.shape[1]), dtype=np.float32)
    direction[..., 0] = 1.0
    direction[..., 1:split] = viewer[..., None, :] if each else viewer
    direction[..., split:] = context
    tags = np.empty((*context.shape[:-1], 2, len(w)), dtype=w.dtype)  # what each tag is worth to this viewer now
    tags[..., 0, :] = (w @ direction[..., None])[..., 0]
    tags[..., 1, :] = weights.keep_artwork
    # One row of a product at a time, as `row_products` does: […, N, 1, 2], of play and of keep.
    logits = rows.artwork[..., None, :] @ (tags if each else tags[..., None, :, :]).swapaxes(-1, -2)
    logits += rows.match[..., None, :] @ weights.both_match
    logits += rows.main[..., None, :] @ weights.both_main
    logits += rows.appeal[..., None, :]
    return Scores(logits[..., 0, 0], logits[..., 0, 1])


@dataclass(frozen=True)
class NumpyRanker:
    """The engine that needs numpy alone."""

    weights: Weights
    name: str = "numpy"

    def score(self, rows: FeatureRows) -> Scores:
        """Return the logits of the candidates, with shapes as in `FeatureRows`."""
        return score(self.weights, rows)

    def run(self, inputs: dict[str, Floats]) -> tuple[Floats, Floats, Floats]:
        """Return value, play and keep, [N] each, for inputs by the graph's names, as in `vectors.json`."""
        viewer, context = inputs["viewer"][0], inputs["context"][0]
        rows = FeatureRows(inputs["artwork"], inputs["match"], inputs["main"], inputs["appeal"], viewer, context)
        scores = self.score(rows)
        return scores.value, scores.play, scores.keep
