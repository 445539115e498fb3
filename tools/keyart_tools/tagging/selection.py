"""Selection of N pictures that represent a film, by maximising a monotone submodular function.

    F(S) = 0.4 · mean over all pictures v of max over s in S of cosine(v, s)             representation of the film
         + 0.4 · sum over tags t of worth(t) · [1 − product over s in S of (1 − weight(s, t))]   coverage of tags
         + 0.2 · sum over s in S of quality(s) / N                                       quality of each picture

The first term is a facility location, the second a probabilistic coverage, the third modular. With cosines, weights
and qualities in 0–1 and worths that sum to 1, each is monotone and submodular, and so is F, from 0 to 1. The greedy
choice then reaches at least 1 − 1/e of the optimum (G. Nemhauser, L. Wolsey, M. Fisher, An analysis of approximations
for maximizing submodular set functions I, 1978). Gains only decrease as S grows, so a picture whose old gain does not
lead need not be evaluated again (M. Minoux, Accelerated greedy algorithms, 1978).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

LIKENESS_SHARE, TAGS_SHARE, QUALITY_SHARE = 0.4, 0.4, 0.2


@dataclass(frozen=True, slots=True)
class Objective:
    """The objective function F.

    Attributes:
        cosine: [n, n], similarity of pictures.
        weight: [n, t], weight of each tag in each picture.
        worth: [t], worth of each tag.
        quality: [n], quality of each picture.
        count: N.
    """

    cosine: Numbers
    weight: Numbers
    worth: Numbers
    quality: Numbers
    count: int

    def value(self, chosen: Iterable[int]) -> float:
        """Return F of a set of pictures."""
        so_far = _Coverage.nothing(self)
        for picture in set(chosen):
            so_far = so_far.and_(picture, self)
        return so_far.value(self)


@dataclass(frozen=True, slots=True)
class _Coverage:
    """The state of the greedy choice.

    Attributes:
        nearest: [n], cosine to the nearest chosen picture.
        unshown: [t], product over the chosen pictures of 1 − weight.
        quality: sum of the chosen pictures' quality, over N.
    """

    nearest: Numbers
    unshown: Numbers
    quality: float

    @classmethod
    def nothing(cls, objective: Objective) -> _Coverage:
        return cls(np.zeros(len(objective.quality)), np.ones(len(objective.worth)), 0.0)

    def and_(self, picture: int, objective: Objective) -> _Coverage:
        return _Coverage(
            np.maximum(self.nearest, objective.cosine[picture]),
            self.unshown * (1.0 - objective.weight[picture]),
            self.quality + float(objective.quality[picture]) / objective.count,
        )

    def value(self, objective: Objective) -> float:
        likeness = float(self.nearest.mean()) if self.nearest.size else 0.0
        shown = float(objective.worth @ (1.0 - self.unshown))
        return LIKENESS_SHARE * likeness + TAGS_SHARE * shown + QUALITY_SHARE * self.quality


def select(objective: Objective, first: Sequence[int] = ()) -> list[int]:
    """Return N pictures, or all there are, each with the largest gain given those before it; `first` leads."""
    chosen, so_far = list(first), _Coverage.nothing(objective)
    for picture in first:
        so_far = so_far.and_(picture, objective)

    def gain(picture: int) -> float:
        return so_far.and_(picture, objective).value(objective) - so_far.value(objective)

    others = [picture for picture in range(len(objective.quality)) if picture not in set(first)]
    # (−gain, picture, how many were chosen when its gain was that); of equal gains the earlier picture leads
    queue = [(-gain(picture), picture, len(chosen)) for picture in others]
    heapq.heapify(queue)
    while queue and len(chosen) < objective.count:
        _, picture, then = heapq.heappop(queue)
        if then < len(chosen):
            heapq.heappush(queue, (-gain(picture), picture, len(chosen)))
        else:
            chosen.append(picture)
            so_far = so_far.and_(picture, objective)
    return chosen
