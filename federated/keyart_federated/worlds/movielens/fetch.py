"""The download of ratings and film metadata: two published packages into a cache folder; nothing is used unchecked.

The ratings are MovieLens 100K (GroupLens: research use, no redistribution; evaluation only), the films a CC0
database.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...datasets.download import PackageSource, Runner, cache_folder, fetched, pip

_INSTEAD = "The synthetic world needs no download: `--world synthetic`."

RATINGS = PackageSource(
    "recbole==1.2.1",
    "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
    (
        (
            "recbole/dataset_example/ml-100k/ml-100k.inter",
            "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
        ),
        (
            "recbole/dataset_example/ml-100k/ml-100k.item",
            "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
        ),
        (
            "recbole/dataset_example/ml-100k/ml-100k.user",
            "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
        ),
    ),
    otherwise=_INSTEAD,
)
FILMS = PackageSource(
    "bokeh-sampledata==2026.1",
    "f40331a40ca30c64a1c1471835aad9006b61b0d9731a3f649ee8cbbf48d3822f",
    (
        (
            "bokeh_sampledata/_data/movies.db",
            "1d9c6a02e488d0354b2309e16130c58820a91ac2ce417e814c5964f9579a65ac",
        ),
    ),
    otherwise=_INSTEAD,
)


@dataclass(frozen=True, slots=True)
class Files:
    """Paths of the checked files."""

    ratings: Path
    items: Path
    users: Path
    films: Path


def default_cache() -> Path:
    """Return `keyart/datasets` in the user's cache folder."""
    return cache_folder("datasets")


def fetch(cache: str | Path | None = None, run: Runner = pip) -> Files:
    """Return the files, from the cache if they are there and whole, else fetched.

    A source that is in the cache is not fetched again, so that an interrupted call goes on where it stopped.

    Args:
        cache: A folder, made if it is missing. None for `default_cache()`.
        run: Fetches a package.

    Raises:
        DataUnavailable: A source cannot be fetched.
    """
    folder = Path(cache) if cache is not None else default_cache()
    ratings, items, users = fetched(RATINGS, folder, run)
    (films,) = fetched(FILMS, folder, run)
    return Files(ratings, items, users, films)
