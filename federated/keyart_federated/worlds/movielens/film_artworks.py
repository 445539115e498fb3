"""Artworks of real films, drawn by rules, since nobody publishes artworks with their impressions: they are made up.

Each title gets 8–10. An honest artwork stresses one of the film's genres and, most often, one of its stars; two
artworks a title are clickbait, which promise a genre or a star that the film does not hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import keyart

from ...types import Bools, Floats, Integers
from .films import MovieLensFilm

LOOKS = (
    "shot:close-up",
    "shot:ensemble",
    "shot:wide",
    "palette:warm",
    "palette:cool",
    "mood:thoughtful",
    "mood:intense",
    "faces",
)
SHOTS, PALETTES, MOODS = LOOKS[:3], LOOKS[3:5], LOOKS[5:7]
FACES = {"shot:close-up": 0.3, "shot:ensemble": 1.0, "shot:wide": 0.0}
CLICKBAIT_EACH = 2
_LOUD = {"action", "adventure", "crime", "horror", "science-fiction", "thriller", "war", "western"}


@dataclass(frozen=True, slots=True)
class FilmArtworks:
    """The artworks in catalogue order, as arrays.

    Attributes:
        genre: Genre weights, [artworks, genres].
        star: Index of the cast tag in the given list, −1 for nobody, [artworks].
        looks: Weights of looks, [artworks, LOOKS].
        clickbait: Whether an artwork is clickbait, [artworks].
    """

    genre: Floats
    star: Integers
    looks: Floats
    clickbait: Bools


def drawn_catalog(
    films: Sequence[MovieLensFilm], genres: Sequence[str], cast: Sequence[str], seed: int
) -> tuple[keyart.Catalog, FilmArtworks]:
    """Draw the catalogue of films; the artworks of a title depend on its id, the seed, and the tags on offer.

    Args:
        films: The films.
        genres: Tags `genre:*`, with all of these films' and others; clickbait takes its promises from them.
        cast: Tags `cast:*`, likewise.
        seed: Seed of the draws.
    """
    titles, baits = [], []
    for film in films:
        held = film.tags()
        rng = _rng(film.id, seed)
        count = int(rng.integers(8, 11))
        bait = np.zeros(count, dtype=bool)
        bait[rng.permutation(count)[:CLICKBAIT_EACH]] = True
        pictures = [
            keyart.Artwork(f"{film.id}/{n}", _promise(rng, held, genres, cast) if is_bait else _honest(rng, held))
            for n, is_bait in enumerate(bait.tolist())
        ]
        titles.append(keyart.Title(film.id, f"{film.name} ({film.year})", film.seconds, held, pictures))
        baits.append(bait)
    catalog = keyart.Catalog.from_titles(titles)
    return catalog, _arrays(catalog, genres, cast, np.concatenate(baits))


def _rng(title_id: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}/{title_id}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def _honest(rng: np.random.Generator, held: dict[str, float]) -> dict[str, float]:
    """Draw one of the film's genres (by its share), a star in six of ten artworks, and a look."""
    genres = [tag for tag in held if tag.startswith("genre:")]
    cast = [tag for tag in held if tag.startswith("cast:")]
    tags: dict[str, float] = {}
    if genres:
        tags[genres[_weighted(rng, [held[tag] for tag in genres])]] = 1.0
    if cast and rng.random() < 0.6:
        tags[cast[int(rng.integers(len(cast)))]] = 1.0
    return tags | _look(rng, tags)


def _promise(
    rng: np.random.Generator, held: dict[str, float], genres: Sequence[str], cast: Sequence[str]
) -> dict[str, float]:
    """Draw an artwork that promises a genre or, as often, a star which the film does not hold."""
    kind, offered = ("genre:", genres) if rng.random() < 0.5 else ("cast:", cast)
    promise = offered[int(rng.integers(len(offered)))]
    while promise in held:
        promise = offered[int(rng.integers(len(offered)))]
    shown = _honest(rng, held)
    tags = {tag: weight for tag, weight in shown.items() if tag not in LOOKS and not tag.startswith(kind)}
    tags[promise] = 1.0
    return tags | _look(rng, tags)


def _look(rng: np.random.Generator, shown: dict[str, float]) -> dict[str, float]:
    """Draw shot, palette, mood and faces.

    A loud genre is mostly shown loud, and a star is never shown in a wide shot.
    """
    star = any(tag.startswith("cast:") for tag in shown)
    shot = SHOTS[_weighted(rng, [0.6, 0.4, 0.0] if star else [0.2, 0.35, 0.45])]
    loud = any(tag.removeprefix("genre:") in _LOUD for tag in shown)
    mood = MOODS[int(rng.random() < (0.75 if loud else 0.25))]
    return {shot: 1.0, PALETTES[int(rng.integers(2))]: 1.0, mood: 1.0, "faces": FACES[shot]}


def _weighted(rng: np.random.Generator, weights: Sequence[float]) -> int:
    steps = np.cumsum(weights)
    return int(min(np.searchsorted(steps, rng.random() * steps[-1], side="right"), len(weights) - 1))


def _arrays(catalog: keyart.Catalog, genres: Sequence[str], cast: Sequence[str], clickbait: Bools) -> FilmArtworks:
    genre_place, star_place, look_place = ({tag: n for n, tag in enumerate(tags)} for tags in (genres, cast, LOOKS))
    count = len(clickbait)
    genre = np.zeros((count, len(genres)), dtype=np.float32)
    looks = np.zeros((count, len(LOOKS)), dtype=np.float32)
    star = np.full(count, -1, dtype=np.int64)
    for n, artwork in enumerate(artwork for title in catalog for artwork in title.artworks):
        for tag, weight in artwork.tags.items():
            if tag in look_place:
                looks[n, look_place[tag]] = weight
            elif tag in genre_place:
                genre[n, genre_place[tag]] = weight
            else:
                star[n] = star_place[tag]
    return FilmArtworks(genre, star, looks, clickbait)
