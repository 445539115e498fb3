"""A log recorded in a simulated world, for experiments."""

from __future__ import annotations

import numpy as np

from keyart_federated import World

from .decision_log import Log, LoggedDecision, LoggedViewer


def recorded(world: World, impressions: int, seed: int = 0, *, data: str, evaluation_only: bool = False) -> Log:
    """Return a log of every device's first impressions, each with a random artwork."""
    rng = np.random.default_rng(seed)
    viewers = []
    for i in range(world.devices):
        decisions = []
        for k in range(impressions):
            title_id, context = world.impression(i, k)
            artworks = world.catalog[title_id].artworks
            shown = artworks[int(rng.integers(len(artworks)))].id
            decisions.append(LoggedDecision(title_id, shown, context, 1 / len(artworks), world.outcome(i, k, shown)))
        viewers.append(LoggedViewer(f"viewer {i}", tuple(world.history(i)), tuple(decisions)))
    return Log(data, evaluation_only, tuple(viewers), {})
