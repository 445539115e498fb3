"""References: what learns nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence

import keyart

from ..metrics import WorldTruth


class Fixed:
    """Always the same picture of a title. pictures: by title, which of its pictures, from 0."""

    def __init__(self, pictures: Sequence[int]) -> None:
        self._pictures = pictures

    def choose(self, i: int, title: int, context: keyart.Context) -> int:
        return self._pictures[title]

    def learn(self, title: int, picture: int, reward: float) -> None:
        """Nothing to learn."""


def best_fixed(truth: WorldTruth) -> Fixed:
    """The best single picture of each title, by the true means: no learner, since none may know them."""
    return Fixed(truth.best_fixed.tolist())


class Uniform:
    """Any picture, by chance."""

    def __init__(self, catalog: keyart.Catalog, seed: int) -> None:
        self._counts = [len(title.artworks) for title in catalog]
        self._draws = random.Random(seed)  # noqa: S311 – a simulation, no secret

    def choose(self, i: int, title: int, context: keyart.Context) -> int:
        return self._draws.randrange(self._counts[title])

    def learn(self, title: int, picture: int, reward: float) -> None:
        """Nothing to learn."""
