"""Choosing among the candidates of a title: scores and the personal head in, a distribution out. One path for all:
an app, a simulation of ten thousand devices, the bench. Pure.

`weigh` broadcasts over leading axes; `Candidates` is the same for one title on a device, to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .features.encode import Floats
from .policy import Doubles, chances, distribution, pick
from .ranker.numpy_engine import Scores, value_of


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
    play = scores.play if offsets is None else scores.play + offsets
    value = value_of(play, scores.keep)
    if factors is not None:
        value = value * factors
    return Weighed(play, scores.keep, value, distribution(value, allowed, gamma))


class Drawn(NamedTuple):
    """place: of the candidate in its slate. exploring: another one that may be shown had more value."""

    place: int
    propensity: float
    exploring: bool


class Candidates(NamedTuple):
    """One title's candidates [A]: logits of play (with what the device adds) and keep, value = σ(play) σ(keep), which
    may be shown, and the policy's γ."""

    play: Floats
    keep: Floats
    value: Floats
    allowed: npt.NDArray[np.bool_]
    gamma: float

    def weighed(self, factors: Floats | None = None) -> Weighed:
        """With the chance of each. factors [A]: the page's, on the values."""
        value = self.value if factors is None else self.value * factors
        return Weighed(self.play, self.keep, value, np.array(chances(self._ranked(factors), self.gamma)))

    def draw(self, uniform: float, factors: Floats | None = None) -> Drawn:
        """One of them, by a uniform number in [0, 1)."""
        values = self._ranked(factors)
        p = chances(values, self.gamma)
        place = pick(p, uniform)
        return Drawn(place, p[place], values[place] < max(values))

    def _ranked(self, factors: Floats | None) -> list[float]:
        """The values by which they are drawn; −inf for what may not be shown."""
        values: list[float] = (self.value if factors is None else self.value * factors).tolist()
        allowed = self.allowed.tolist()
        if False in allowed:
            values = [value if may else -math.inf for value, may in zip(values, allowed, strict=True)]
        return values
