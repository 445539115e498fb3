"""The catalogue of the synthetic world: titles with genres and cast, and artworks that show parts of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import keyart

from ..types import Bools, Doubles

GENRES = tuple(
    f"genre:{name}"
    for name in (
        "action",
        "adventure",
        "animation",
        "comedy",
        "crime",
        "documentary",
        "drama",
        "family",
        "horror",
        "romance",
        "sci-fi",
        "thriller",
    )
)
STYLES = tuple(f"style:{n:02d}" for n in range(24))
CAST = tuple(f"cast:{n:02d}" for n in range(12))
PALETTE = ("palette:warm", "palette:cool")
TAGS = (*GENRES, *STYLES, *CAST, *PALETTE)
_PLACE = {tag: n for n, tag in enumerate(TAGS)}
SECOND_GENRE_WEIGHT = 0.5  # of a picture that shows two genres
SECOND_STYLE_WEIGHT = 0.6


@dataclass(frozen=True, slots=True)
class SyntheticArtworks:
    """The catalogue as arrays.

    Attributes:
        tags: Tag weights, [artworks, TAGS].
        clickbait: Whether an artwork promises a genre or a cast member that the title does not hold,
            [artworks].
        title_genres: Genre shares of titles, [titles, GENRES].
        popularity: Popularity shares of titles, [titles].
    """

    tags: Doubles
    clickbait: Bools
    title_genres: Doubles
    popularity: Doubles

    @property
    def count(self) -> int:
        """Return the number of artworks."""
        return len(self.tags)


def made_up_catalog(
    titles: int, artworks: int, clickbait_share: float, popularity_exponent: float, seed: int
) -> tuple[keyart.Catalog, SyntheticArtworks]:
    """Return `titles` titles with `artworks` artworks each.

    The nearest whole number to the share of them is clickbait. A title's popularity falls with its rank by (rank +
    10)^−`popularity_exponent`.
    """
    rng = np.random.default_rng([seed, 20])
    common = rng.dirichlet(np.full(len(GENRES), 4.0))  # some genres are made more often than others
    bait_each = round(clickbait_share * artworks)
    entries, rows, baits = [], [], []
    for t in range(titles):
        held = _title_tags(rng, common)
        bait = np.zeros(artworks, dtype=bool)
        bait[rng.permutation(artworks)[:bait_each]] = True
        shown = [_bait_tags(rng, held) if is_bait else _honest_tags(rng, held) for is_bait in bait]
        film = rng.random() < 0.6
        duration = 60.0 * (rng.integers(80, 150) if film else rng.integers(22, 60))
        pictures = [keyart.Artwork(f"s{t:04d}/{n:02d}", tags=tags) for n, tags in enumerate(shown)]
        entries.append(keyart.Title(f"s{t:04d}", f"Synthetic title {t}", duration, held, pictures))
        rows.extend(shown)
        baits.append(bait)

    tags = np.zeros((len(rows), len(TAGS)))
    for n, shown_tags in enumerate(rows):
        for tag, weight in shown_tags.items():
            tags[n, _PLACE[tag]] = weight
    genres = np.array([[entry.tags.get(genre, 0.0) for genre in GENRES] for entry in entries])
    popularity = rng.permutation(1.0 / (np.arange(titles) + 10.0) ** popularity_exponent)
    return keyart.Catalog.from_titles(entries), SyntheticArtworks(
        tags, np.concatenate(baits), genres, popularity / popularity.sum()
    )


def _title_tags(rng: np.random.Generator, common: Doubles) -> dict[str, float]:
    """Draw 1–3 genres with shares that sum to 1, and 0–2 cast members."""
    names = rng.choice(len(GENRES), size=rng.choice([1, 2, 3], p=[0.3, 0.45, 0.25]), replace=False, p=common)
    shares = np.sort(rng.dirichlet(np.full(len(names), 3.0)))[::-1]
    cast = rng.choice(len(CAST), size=rng.choice([0, 1, 2], p=[0.2, 0.4, 0.4]), replace=False)
    genres = {GENRES[n]: float(share) for n, share in zip(names, shares, strict=True)}
    return genres | {CAST[n]: 1.0 for n in cast}


def _honest_tags(rng: np.random.Generator, held: dict[str, float]) -> dict[str, float]:
    """Draw what an artwork of this title may show: one or two of its genres, often one of its cast."""
    genres = [tag for tag in held if tag in GENRES]
    cast = [tag for tag in held if tag in CAST]
    order = rng.permutation(len(genres))
    tags = {genres[order[0]]: 1.0}
    if len(genres) > 1 and rng.random() < 0.4:
        tags[genres[order[1]]] = SECOND_GENRE_WEIGHT
    if cast and rng.random() < 0.5:
        tags[cast[rng.integers(len(cast))]] = 1.0
    return tags | _looks(rng)


def _bait_tags(rng: np.random.Generator, held: dict[str, float]) -> dict[str, float]:
    """Draw an artwork that promises a genre (six of ten) or a cast member which the title does not hold."""
    if rng.random() < 0.6:
        return {_other(rng, GENRES, held): 1.0} | _looks(rng)
    return _honest_tags(rng, held) | {_other(rng, CAST, held): 1.0}


def _other(rng: np.random.Generator, tags: tuple[str, ...], held: dict[str, float]) -> str:
    absent = [tag for tag in tags if tag not in held]
    return absent[rng.integers(len(absent))]


def _looks(rng: np.random.Generator) -> dict[str, float]:
    """Draw one or two styles and a palette."""
    first, second = rng.choice(len(STYLES), size=2, replace=False)
    tags = {STYLES[first]: 1.0}
    if rng.random() < 0.5:
        tags[STYLES[second]] = SECOND_STYLE_WEIGHT
    return tags | {PALETTE[rng.integers(2)]: 1.0}
