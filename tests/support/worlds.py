"""Small worlds made by hand: few tags, few titles, quick rounds; and a wrapper that watches what is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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


def ruled_catalog() -> keyart.Catalog:
    """Titles of 1–6 artworks with every rule: age ratings, spoilers, artworks that mislead, and titles with nothing
    else. Two kinds of tags, one of which only artworks carry."""
    rows = []
    for t in range(9):
        mine, other = f"genre:{'ab'[t % 2]}", f"genre:{'ba'[t % 2]}"
        pictures = [
            keyart.Artwork(f"t{t}/plain", {mine: 1.0, "faces": 0.1 * t}),
            keyart.Artwork(f"t{t}/spoiler", {mine: 1.0, "faces": 0.9}, spoiler=True),
            keyart.Artwork(f"t{t}/adult", {mine: 0.5, "style:dark": 1.0}, maturity="18+"),
            keyart.Artwork(f"t{t}/teen", {mine: 0.7, "style:light": 0.4}, maturity="13+"),
            keyart.Artwork(f"t{t}/misleading", {other: 1.0, "faces": 0.5}),
            keyart.Artwork(f"t{t}/all", {other: 1.0, "style:dark": 0.3}, maturity="16+", spoiler=True),
        ]
        only = {6: [1, 5], 7: [2, 3], 8: [4, 5]}  # spoilers, artworks with an age limit, artworks that mislead
        chosen = only.get(t, range(6 - t % 3))
        rows.append(keyart.Title(f"t{t}", duration=3000, tags={mine: 1.0}, artworks=[pictures[a] for a in chosen]))
    return keyart.Catalog.from_titles(rows)


@dataclass
class RuledWorld(HandWorld):
    """Every rule of what may be shown: age limits, titles watched and not; and trends and wishes of a moment.

    wishes: share of impressions under an intent.
    """

    catalog: keyart.Catalog = field(default_factory=ruled_catalog)
    wishes: float = 0.2

    def history(self, i: int) -> Sequence[keyart.View]:
        titles = [self.catalog.titles[(3 * i + n) % len(self.catalog)].id for n in range(self.views)]
        seconds = (5000, 60, 2400)  # of two views some are abandoned
        return [
            keyart.View(title, START - timedelta(days=n + 1), seconds[n % 3]) for n, title in enumerate(titles * 2)
        ]

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        title, context = super().impression(i, k)
        rng = np.random.default_rng([3, i, k])
        return title, replace(
            context,
            max_maturity=("", "all", "6+", "13+", "16+", "18+")[int(rng.integers(6))],
            trending={title: float(rng.random())} if rng.random() < 0.4 else {},
            intent={"style:dark": 1.0, "genre:a": -0.5} if rng.random() < self.wishes else {},
        )


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
