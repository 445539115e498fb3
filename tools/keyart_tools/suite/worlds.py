"""The worlds of the suite, all built in: made-up ones in five settings, and real histories if at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keyart.errors import DataUnavailable
from keyart_federated import World
from keyart_federated.worlds import load
from keyart_federated.worlds.movielens.fetch import fetch


@dataclass(frozen=True)
class Effort:
    """How large the worlds are and how long they run. films: titles of MovieLens, 0: leave that world out."""

    viewers: int = 500
    titles: int = 80
    artworks: int = 10
    films: int = 200
    rounds: int = 20
    steps: int = 10

    @property
    def impressions(self) -> int:
        return self.rounds * self.steps


QUICK = Effort(viewers=24, titles=6, artworks=4, films=0, rounds=3, steps=4)


@dataclass(frozen=True)
class Setting:
    """A world by name; its seed is still open. about: what is particular about it."""

    name: str
    about: str
    spec: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def world(self, seed: int) -> World:
        return load(self.spec, **self.settings, seed=seed)


def settings_of(effort: Effort, download: bool) -> tuple[list[Setting], dict[str, str]]:
    """The worlds, and why any is left out. download: whether data that is not in the cache is fetched."""
    size = {
        "viewers": effort.viewers,
        "titles": effort.titles,
        "artworks": effort.artworks,
        "impressions": effort.impressions,
    }
    found = [
        Setting("synthetic", "as the constructor has it", "synthetic", size),
        Setting(
            "private tastes",
            "no style taste follows from a genre, and histories are short",
            "synthetic",
            {**size, "style_from_genre": 0.0, "history_views": 4},
        ),
        Setting(
            "clickbait",
            "two pictures in five promise what the title does not hold, and are abandoned more",
            "synthetic",
            {**size, "clickbait_share": 0.4, "clickbait_penalty": 1.8},
        ),
        Setting(
            "untold tastes",
            "tastes outside the tags, two people a device, drift, late pictures",
            "synthetic",
            {**size, "idiosyncrasy": 0.7, "shared_devices": 0.5, "drift": 0.5, "arrivals": 0.2},
        ),
        Setting(
            "cold and seasonal",
            "half have no history; weeks and hours tilt genres; few films are popular and many are niches",
            "synthetic",
            {**size, "cold_start": 0.5, "seasons": 0.3, "popularity_exponent": 2.0},
        ),
    ]
    if not effort.films:
        return found, {"MovieLens": "left out of a quick run"}
    try:
        fetch() if download else fetch(run=_not_now)
    except DataUnavailable as error:
        return found, {"MovieLens": str(error)}
    films = {"viewers": effort.viewers, "titles": effort.films, "impressions": effort.impressions}
    found.append(Setting("MovieLens", "real histories and films, made-up responses", "movielens", films))
    return found, {}


def _not_now(arguments: Sequence[str]) -> None:
    """In place of pip."""
    raise DataUnavailable("its data is not in the cache; add --download to fetch it.")
