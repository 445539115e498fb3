"""Real viewers, histories, hours and films; made-up pictures and responses.

See docs/reference/worlds.md for what is which.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keyart.context import DAYPARTS
from keyart.errors import SettingError

from ...types import Doubles, Floats, Ints
from ..table_world import (
    DAYPART_OF_HOUR,
    DEVICES,
    SLOTS,
    Impressions,
    TabularWorld,
    WatchedTitles,
    artwork_bounds,
    calibrated,
    draw_rows,
    uniforms,
)
from .effects import logits_of
from .fetch import fetch
from .film_artworks import drawn_catalog
from .films import MovieLensFilm, read_films
from .ratings import ORIGIN, Ratings, people_of, read_table
from .tastes import hidden_tastes

PLAY_RATE, KEEP_RATE = 0.145, 0.55  # of random pictures: played, and a quality play if played
IMPRESSIONS_PER_DAY = 4
FIRST_DAY = 217  # of the impressions, in days after ORIGIN: 24 April 1998, after the last rating
OWN_HOURS = 0.7  # weight of the viewer's own hours; the rest are everybody's
OWN_TITLES = 0.5  # weight of titles that the viewer did choose later; the rest are everybody's, by popularity
ABANDONED_SECONDS = {1: 300.0, 2: 600.0}  # of a film with one star, with two
UNKNOWN_RUNTIME_SECONDS = 6000.0  # a full watch of a film whose runtime is not known
# How a device is chosen, by daypart: tv, phone, tablet. Modelled; the ratings do not say.
DEVICE_SHARES = {
    "morning": (0.2, 0.6, 0.2),
    "afternoon": (0.4, 0.4, 0.2),
    "evening": (0.7, 0.2, 0.1),
    "night": (0.65, 0.2, 0.15),
}


class MovieLensWorld(TabularWorld):
    """The 943 people of MovieLens 100K with their films.

    For evaluation only: the data are licensed for research, must not be redistributed, and a model trained on them
    is not to be shipped.
    """

    def __init__(
        self,
        impressions: int = 120,
        seed: int = 0,
        cache: str | Path | None = None,
        viewers: int | None = None,
        titles: int | None = None,
        on_page: int | None = None,
    ) -> None:
        """Make a world from the ratings.

        Args:
            impressions: Number of impressions of each viewer.
            seed: Seed of every draw.
            cache: Folder of the data. None for the user's cache folder.
            viewers: Number of viewers, the first of the list.
            titles: Number of titles, the most rated.
            on_page: Number of these, the most rated, that the home page shows; histories and hidden tastes are
                of all.

        Raises:
            SettingError: A setting is out of range.
            DataUnavailable: The data cannot be fetched.
        """
        counts = (("impressions", impressions), ("viewers", viewers), ("titles", titles), ("on_page", on_page))
        for name, value in counts:
            if value is not None and value < 1:
                raise SettingError(f"{name} is {value}; a world needs at least 1.")
        if seed < 0:
            raise SettingError(f"seed is {seed}; it must be 0 or more.")
        files = fetch(cache)
        films = read_films(files.items, files.films)
        genres, cast, everyone = _tags_of(films)
        table = read_table(files.ratings)
        films, popularity = _most_rated(films, table, titles)
        index = {item: n for n, film in enumerate(films) for item in film.items}
        people = people_of(table, files.users, index)[:viewers]
        halves = [person.split() for person in people]

        place = {tag: n for n, tag in enumerate(everyone)}
        tags = [film.tags() for film in films]
        shares = np.array([[held.get(genre, 0.0) for genre in genres] for held in tags])
        people_in = [[place[tag] for tag in held if tag in place] for held in tags]
        tastes = hidden_tastes([later for _, later in halves], shares, people_in, len(everyone))
        catalog, pictures = drawn_catalog(films, genres, cast, seed)
        bounds = artwork_bounds(catalog)

        page = np.zeros(len(films))
        page[np.argsort(-popularity, kind="stable")[:on_page]] = 1.0
        shown = _impressions(people, halves, popularity, page, impressions, seed)
        super().__init__(
            catalog=catalog,
            impressions=shown,
            histories=_histories([earlier for earlier, _ in halves], films, seed),
            logits=calibrated(logits_of(tastes, pictures, bounds, seed), shown, bounds, PLAY_RATE, KEEP_RATE),
            start=ORIGIN,
            zones=[person.zone for person in people],
        )


def _most_rated(films: list[MovieLensFilm], table: Ints, titles: int | None) -> tuple[list[MovieLensFilm], Doubles]:
    """Return the `titles` most rated films (None: all with a rating), in the order of `films`, and their ratings."""
    by_item = np.bincount(table[:, 1])
    rated = np.array([sum(by_item[item] for item in film.items) for film in films])
    kept = np.sort(np.argsort(-rated, kind="stable")[:titles])
    kept = kept[rated[kept] > 0]
    return [films[n] for n in kept.tolist()], rated[kept].astype(np.float64)


def _tags_of(films: Sequence[MovieLensFilm]) -> tuple[list[str], list[str], list[str]]:
    """Return all genre tags, all cast tags, and all tags of people: the cast first, then the directors."""
    tags = sorted({tag for film in films for tag in film.tags()})
    cast = [tag for tag in tags if tag.startswith("cast:")]
    directors = [tag for tag in tags if tag.startswith("director:")]
    return [tag for tag in tags if tag.startswith("genre:")], cast, cast + directors


def _impressions(
    people: Sequence[Ratings],
    halves: Sequence[tuple[Ratings, Ratings]],
    popularity: Doubles,
    page: Doubles,
    impressions: int,
    seed: int,
) -> Impressions:
    days = -(-impressions // IMPRESSIONS_PER_DAY)
    whole_days = days * IMPRESSIONS_PER_DAY
    u = uniforms(seed, 3, len(people), whole_days, 7)
    title = draw_rows(_title_chances(halves, popularity, page), u[:, :, 0])
    by_day = draw_rows(_hour_chances(people), u[:, :, 1]).reshape(len(people), days, IMPRESSIONS_PER_DAY)
    # Impressions of one day come in the order of the clock.
    hour = np.sort(by_day, axis=2).reshape(len(people), whole_days)
    device = _devices(hour, u[:, :, 2])
    day = FIRST_DAY + np.arange(whole_days) // IMPRESSIONS_PER_DAY
    slot = np.minimum((SLOTS * u[:, :, 3]).astype(np.int64), SLOTS - 1)
    part = np.s_[:, :impressions]
    draws = np.ascontiguousarray(u[:, :impressions, 4:])
    return Impressions(title[part], device[part], (hour + 24 * day)[part], slot[part], draws)


def _title_chances(halves: Sequence[tuple[Ratings, Ratings]], popularity: Doubles, page: Doubles) -> Doubles:
    """Return probabilities of titles, [viewers, films].

    They favour popular films and films that the viewer did watch later, without those watched before; only films on
    the page (1, else 0) count.
    """
    popularity = popularity * page
    chances = np.tile((1 - OWN_TITLES) * popularity / popularity.sum(), (len(halves), 1))
    for row, (earlier, later) in zip(chances, halves, strict=True):
        row[earlier.film] = 0.0
        row[later.film] += OWN_TITLES / max(1, len(later.film))
        np.multiply(row, page, out=row)
        if not row.any():  # somebody who watched the whole catalogue, and may watch it again
            row[:] = popularity
    return chances


def _hour_chances(people: Sequence[Ratings]) -> Doubles:
    """Return hours of the day at which the viewer rated films, mixed with everybody's, [viewers, 24]."""
    counts = np.stack([np.bincount(person.at // 3600 % 24, minlength=24) for person in people]).astype(np.float64)
    own = counts / np.maximum(1.0, counts.sum(axis=1, keepdims=True))
    return np.asarray(OWN_HOURS * own + (1 - OWN_HOURS) * own.mean(axis=0))


def _devices(hour: Ints, u: Floats) -> Ints:
    """Return the device by hour of the day, both of any one shape."""
    shares = np.array([DEVICE_SHARES[daypart] for daypart in DAYPARTS])[DAYPART_OF_HOUR[hour % 24]]
    drawn = (u[..., None] >= np.cumsum(shares, axis=-1)).sum(axis=-1)
    return np.asarray(np.minimum(drawn, len(DEVICES) - 1), dtype=np.int64)


def _histories(earlier: Sequence[Ratings], films: Sequence[MovieLensFilm], seed: int) -> list[WatchedTitles]:
    """Return earlier views: a rating of 3 or more is a full watch, one of 1 or 2 an abandoned one."""
    longest = max((len(ratings.film) for ratings in earlier), default=0)
    u = uniforms(seed, 4, len(earlier), longest, 1)[:, :, 0]
    runtime = [film.seconds or UNKNOWN_RUNTIME_SECONDS for film in films]
    histories = []
    for i, ratings in enumerate(earlier):
        title = ratings.film.tolist()
        seconds = [
            min(runtime[film], ABANDONED_SECONDS.get(int(stars), runtime[film]))
            for film, stars in zip(title, ratings.stars.tolist(), strict=True)
        ]
        device = _devices(ratings.at // 3600, u[i, : len(title)])
        histories.append(WatchedTitles(title, ratings.at.tolist(), seconds, device.tolist()))
    return histories
