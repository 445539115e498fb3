"""Small worlds made by hand: few tags, few titles, quick rounds; and a wrapper that watches what is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import numpy as np

import keyart

START = datetime(2026, 1, 5, 7, tzinfo=timezone(timedelta(hours=1)))
DEVICES = ("tv", "phone", "fridge")


def tiny_catalog(titles: int = 6) -> keyart.Catalog:
    """Titles of 1–4 pictures with bare and kind:value tags; every fourth picture has none."""
    rows = []
    for t in range(titles):
        pictures = [
            keyart.Artwork(
                f"t{t}/{a}", tags={} if a == 3 else {f"genre:{'abc'[(t + a) % 3]}": 1.0, "faces": 0.2 + 0.3 * a}
            )
            for a in range(1 + t % 4)
        ]
        tags = {"genre:a": 0.4, "genre:b": 0.3, "genre:c": 0.3}
        if t % 3 == 0:
            tags = {f"genre:{'ab'[t % 2]}": 1.0, "classic": 1.0}
        rows.append(keyart.Title(f"t{t}", duration=3000 if t % 2 else 0, tags=tags, artworks=pictures))
    return keyart.Catalog.from_titles(rows)


@dataclass
class HandWorld:
    """Half of the viewers have watched genre a and play its pictures, the others genre b.

    likes, dislikes: chance of a quality play for a picture that shows the viewer's genre, and for any other.
    """

    catalog: keyart.Catalog = field(default_factory=tiny_catalog)
    devices: int = 24
    likes: float = 0.7
    dislikes: float = 0.1
    views: int = 4

    def history(self, i: int) -> Sequence[keyart.View]:
        title = self.catalog.titles[3 % len(self.catalog) if i % 2 else 0].id
        return [keyart.View(title, START - timedelta(days=n + 1), 5000) for n in range(self.views)]

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        rng = np.random.default_rng([1, i, k])
        at = START + timedelta(hours=int(5 * k + rng.integers(5)))
        title = self.catalog.titles[int(rng.integers(len(self.catalog)))].id
        return title, keyart.Context(DEVICES[int(rng.integers(3))], at, slot=int(rng.integers(5)))

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        title, _ = self.impression(i, k)
        place = [artwork.id for artwork in self.catalog[title].artworks].index(artwork_id)
        if np.random.default_rng([2, i, k]).random() < self.expected_reward(i, k)[place]:
            return keyart.Outcome.played(2400)
        return keyart.Outcome.skipped() if k % 2 else keyart.Outcome.opened()

    def expected_reward(self, i: int, k: int) -> np.ndarray:
        mine = f"genre:{'ab'[i % 2]}"
        pictures = self.catalog[self.impression(i, k)[0]].artworks
        return np.array([self.likes if mine in picture.tags else self.dislikes for picture in pictures])


def styled_catalog() -> keyart.Catalog:
    """Titles of two genres whose pictures differ in style alone: nothing that a first bundle could know."""
    rows = []
    for t in range(8):
        pictures = [keyart.Artwork(f"t{t}/{s}", {f"style:{s}": 1.0, "faces": 0.1 * t}) for s in "xyz"]
        rows.append(keyart.Title(f"t{t}", duration=3000, tags={f"genre:{'ab'[t % 2]}": 1.0}, artworks=pictures))
    return keyart.Catalog.from_titles(rows)


@dataclass
class StyleWorld(HandWorld):
    """Whoever watches genre a plays pictures of style x; whoever watches b, those of style y."""

    catalog: keyart.Catalog = field(default_factory=styled_catalog)

    def expected_reward(self, i: int, k: int) -> np.ndarray:
        mine = f"style:{'xy'[i % 2]}"
        pictures = self.catalog[self.impression(i, k)[0]].artworks
        return np.array([self.likes if mine in picture.tags else self.dislikes for picture in pictures])


class Watched:
    """A world with the protocol's names and no others, that notes what it is asked."""

    def __init__(self, world: object, permute: bool = False) -> None:
        self._world, self._permute = world, permute
        self.asked: Counter[tuple[int, int]] = Counter()
        self.shown: dict[tuple[int, int], str] = {}
        self.peeked: list[int] = []

    @property
    def catalog(self) -> keyart.Catalog:
        return self._world.catalog

    @property
    def devices(self) -> int:
        return self._world.devices

    def history(self, i: int) -> Sequence[keyart.View]:
        return self._world.history(i)

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        return self._world.impression(i, k)

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        self.asked[i, k] += 1
        self.shown[i, k] = artwork_id
        return self._world.outcome(i, k, artwork_id)

    def expected_reward(self, i: int, k: int) -> np.ndarray:
        self.peeked.append(len(self.shown))
        expected = self._world.expected_reward(i, k)
        return 1.0 - expected[::-1] if self._permute else expected
