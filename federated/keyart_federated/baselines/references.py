"""References: baselines that learn nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence

import keyart

from ..metrics import WorldTruth


class Fixed:
    """A baseline that always shows the same artwork of a title; `pictures` holds it by title, counted from 0."""

    def __init__(self, pictures: Sequence[int]) -> None:
        self._pictures = pictures

    def choose(self, i: int, title: int, context: keyart.Context) -> int:
        """Choose an artwork, as `Baseline.choose` says."""
        return self._pictures[title]

    def learn(self, title: int, picture: int, reward: float) -> None:
        """Learn nothing."""


def best_fixed(truth: WorldTruth) -> Fixed:
    """Return the baseline of each title's best single artwork, by the true means. No learner may know them."""
    return Fixed(truth.best_fixed.tolist())


class Uniform:
    """A baseline that shows any artwork, with equal probability."""

    def __init__(self, catalog: keyart.Catalog, seed: int) -> None:
        self._counts = [len(title.artworks) for title in catalog]
        self._draws = random.Random(seed)  # noqa: S311 – a simulation, no secret

    def choose(self, i: int, title: int, context: keyart.Context) -> int:
        """Choose an artwork, as `Baseline.choose` says."""
        return self._draws.randrange(self._counts[title])

    def learn(self, title: int, picture: int, reward: float) -> None:
        """Learn nothing."""
