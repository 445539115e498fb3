"""Choosing among the candidates of a title: scores and the personal head in, a distribution out. One path for all:
an app, a simulation of ten thousand devices, the bench. Pure; broadcasts over leading axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .features.encode import Floats
from .policy import Doubles, distribution
from .ranker.numpy_engine import Scores, sigmoid


@dataclass(frozen=True)
class Weighed:
    """Candidates […, A]: logits of play (with the head) and keep, value = σ(play) σ(keep), probabilities."""

    play: Floats
    keep: Floats
    value: Floats
    probability: Doubles


def weigh(
    scores: Scores,
    offsets: Floats | None,
    allowed: npt.NDArray[np.bool_],
    gamma: float,
    factors: Floats | None = None,
) -> Weighed:
    """offsets: the head's part of the play logit, None without a head. allowed: candidates that may be shown.
    factors: what the values are multiplied with (the page's diversity)."""
    play, value = scores.play, scores.value
    if offsets is not None:
        play = play + offsets
        value = sigmoid(play) * sigmoid(scores.keep)
    if factors is not None:
        value = value * factors
    return Weighed(play, scores.keep, value, distribution(value, allowed, gamma))
