"""A made-up world over a given catalogue, in which the time of the day matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

import keyart


class Evenings:
    """A made-up world in which viewers like pictures of what they watch, calm ones by day and intense ones at night.

    A few rounds in it give an example a model that knows the time of the day; a real fleet learns its own.
    """

    def __init__(self, catalog: keyart.Catalog, devices: int = 200, seed: int = 0) -> None:
        """Give each device two genres that it likes."""
        self.catalog, self.devices, self._seed = catalog, devices, seed
        genres = sorted({tag for title in catalog for tag in title.tags if tag.startswith("genre:")})
        rng = np.random.default_rng(seed)
        self._liked = [set(rng.choice(genres, 2, replace=False)) for _ in range(devices)]

    def history(self, i: int) -> list[keyart.View]:
        """Return a view of each title that shows what the viewer likes."""
        at = datetime(2026, 1, 5, 20, tzinfo=UTC)
        liked = [title.id for title in self.catalog if self._liked[i] & title.tags.keys()]
        return [keyart.View(title_id, at - timedelta(days=1 + n), 5000) for n, title_id in enumerate(liked[:12])]

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        """Return a title on a TV, at any hour."""
        rng = np.random.default_rng([self._seed, 1, i, k])
        at = datetime(2026, 1, 6, tzinfo=UTC) + timedelta(hours=7 * k)
        return self.catalog.titles[int(rng.integers(len(self.catalog)))].id, keyart.Context("tv", at)

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        """Return a play to the end, or none."""
        title_id, _ = self.impression(i, k)
        ids = [artwork.id for artwork in self.catalog[title_id].artworks]
        chance = self.expected_reward(i, k)[ids.index(artwork_id)]
        played = np.random.default_rng([self._seed, 2, i, k]).random() < chance
        return keyart.Outcome.played(3000) if played else keyart.Outcome.skipped()

    def expected_reward(self, i: int, k: int) -> np.ndarray:
        """Return the chance of a play, by artwork."""
        title_id, context = self.impression(i, k)
        mood = "mood:intense" if context.daypart in ("evening", "night") else "mood:thoughtful"
        return np.array(
            [
                0.08 + 0.22 * bool(self._liked[i] & artwork.tags.keys()) + 0.22 * (mood in artwork.tags)
                for artwork in self.catalog[title_id].artworks
            ]
        )
