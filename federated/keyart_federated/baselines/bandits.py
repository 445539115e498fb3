"""Bandits without context: a title is a bandit, its pictures are the arms, all devices share what is learned.

Thompson sampling (Thompson 1933; Chapelle and Li 2011, "An empirical evaluation of Thompson sampling", algorithm 2)
and ε-greedy (Sutton and Barto 2018, "Reinforcement learning", section 2.2). Both start each picture at the same
prior, Beta(PRIOR_PLAYS, PRIOR_MISSES).
"""

from __future__ import annotations

import random

import keyart

PRIOR_PLAYS, PRIOR_MISSES = 1.0, 9.0  # a tenth: about what pictures earn, so that neither starts far too hopeful


class _Arms:
    """Counts of each artwork of each title, prior included."""

    def __init__(self, catalog: keyart.Catalog) -> None:
        self.plays = [[PRIOR_PLAYS] * len(title.artworks) for title in catalog]
        self.misses = [[PRIOR_MISSES] * len(title.artworks) for title in catalog]

    def learn(self, title: int, picture: int, reward: float) -> None:
        self.plays[title][picture] += reward
        self.misses[title][picture] += 1.0 - reward


class Thompson(_Arms):
    """Draws a rate for each picture from its Beta posterior, and shows the highest."""

    def __init__(self, catalog: keyart.Catalog, seed: int) -> None:
        super().__init__(catalog)
        self._draws = random.Random(seed)  # noqa: S311 – a simulation, no secret

    def choose(self, i: int, title: int, context: keyart.Context) -> int:
        """Choose an artwork, as `Baseline.choose` says."""
        rates = list(map(self._draws.betavariate, self.plays[title], self.misses[title]))
        return rates.index(max(rates))


class EpsilonGreedy(_Arms):
    """ε-greedy: any artwork with probability `epsilon`, else the one with the highest mean, ties by chance."""

    def __init__(self, catalog: keyart.Catalog, seed: int, epsilon: float = 0.1) -> None:
        super().__init__(catalog)
        self._draws = random.Random(seed)  # noqa: S311 – a simulation, no secret
        self._epsilon = epsilon

    def choose(self, i: int, title: int, context: keyart.Context) -> int:
        """Choose an artwork, as `Baseline.choose` says."""
        plays, misses = self.plays[title], self.misses[title]
        if self._draws.random() < self._epsilon:
            return self._draws.randrange(len(plays))
        means = [p / (p + m) for p, m in zip(plays, misses, strict=True)]
        best = max(means)
        return self._draws.choice([a for a, mean in enumerate(means) if mean == best])
