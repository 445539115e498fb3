"""A world whose titles and artworks are known by what resembles what alone: by embeddings, or the same as tags."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

import keyart

START = datetime(2026, 1, 5, 20, tzinfo=UTC)
HISTORY = 15  # views before the first impression
SECONDS = 5400  # of a quality play


class EmbeddedWorld:
    """Titles t and artworks a in 16 dimensions; viewer u plays with the logit −1.6 + .4 u·t + u·a + appeal.

    Args:
        told: How the catalogue tells what resembles what: by embeddings, by two tags a dimension, or not at all.
    """

    def __init__(self, told: Literal["embeddings", "tags", "nothing"], viewers: int, impressions: int, seed: int = 0):
        rng = np.random.default_rng(seed)
        titles, artworks, size = 60, 8, 16
        self.devices = viewers
        self._titles = rng.normal(size=(titles, size))
        self._artworks = 0.6 * self._titles[:, None] + 0.8 * rng.normal(size=(titles, artworks, size))
        self._viewers = rng.normal(size=(viewers, size)) / size**0.5
        self._appeal = rng.normal(size=(titles, artworks)) * 0.2
        self._shown = rng.integers(titles, size=(viewers, impressions))
        self._draws = rng.random((viewers, impressions))
        taste = np.exp(1.2 * self._viewers @ self._titles.T)
        self._watched = [rng.choice(titles, HISTORY, p=row / row.sum()) for row in taste]
        self.catalog = keyart.Catalog.from_titles(
            keyart.Title(
                f"t{t}",
                duration=SECONDS,
                artworks=[keyart.Artwork(f"t{t}/{a}", **_told(told, self._artworks[t, a])) for a in range(artworks)],
                **_told(told, self._titles[t]),
            )
            for t in range(titles)
        )

    def history(self, i: int) -> Sequence[keyart.View]:
        return [
            keyart.View(f"t{title}", START - timedelta(days=HISTORY - n), SECONDS)
            for n, title in enumerate(self._watched[i])
        ]

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        return f"t{self._shown[i, k]}", keyart.Context("tv", START + timedelta(hours=6 * k))

    def expected_reward(self, i: int, k: int) -> np.ndarray:
        title = self._shown[i, k]
        taste = 0.4 * self._titles[title] @ self._viewers[i] + self._artworks[title] @ self._viewers[i]
        return 1.0 / (1.0 + np.exp(1.6 - taste - self._appeal[title]))

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        plays = self._draws[i, k] < self.expected_reward(i, k)[int(artwork_id.partition("/")[2])]
        return keyart.Outcome.played(SECONDS) if plays else keyart.Outcome.skipped()


def _told(told: str, place: np.ndarray) -> dict[str, object]:
    if told == "embeddings":
        return {"embedding": place}
    if told == "tags":
        return {"tags": {f"look:{n}{'+' if x > 0 else '-'}": abs(float(x)) for n, x in enumerate(place)}}
    return {}
