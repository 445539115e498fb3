"""A small library of films as Kodi keeps it: folders with an NFO file, a video, and artwork of each kind.

The films and pictures are those of the web TV client, drawn from tags, and the stills of Big Buck Bunny where
`make demo` has tagged it.
"""

from __future__ import annotations

import html
import io
import math
import os
import runpy
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
from PIL import Image

import keyart
from keyart.sidecar.key_folder import key_folder
from keyart_tools.catalogues import import_catalog
from keyart_tools.compose.attention import attention_map
from keyart_tools.compose.crop import crop
from keyart_tools.demo.page.poster import portrait, poster

HERE = Path(__file__).parent
CLIP_SECONDS = 12
SIZES = {"poster": (400, 600), "landscape": (640, 360), "fanart": (960, 540)}
MAX_WIDE = 2  # landscapes, and as many fanarts, of a film
YEARS = range(1994, 2026)
NEWEST = 1_767_225_600  # when the newest film was added, in seconds since 1970
Render = Callable[["Picture"], bytes]


@dataclass(frozen=True)
class Picture:
    """A picture to be made.

    Attributes:
        title: Its film.
        artwork: What it shows.
        kind: "poster", "landscape" or "fanart".
        file: Where it goes.
    """

    title: keyart.Title
    artwork: keyart.Artwork
    kind: str
    file: Path


@dataclass(frozen=True)
class Film:
    """A film of the library.

    Attributes:
        title: The film, with its artworks.
        render: How its pictures are made.
        plot: What Kodi says of it.
    """

    title: keyart.Title
    render: Render
    plot: str


def drawn(picture: Picture) -> bytes:
    """Return a picture that is drawn from its tags, as JPEG; fanart bears no name."""
    title, artwork, size = picture.title, picture.artwork, SIZES[picture.kind]
    draw = portrait if picture.kind == "poster" else poster
    name = "" if picture.kind == "fanart" else title.name
    svg = draw(name, title.tags, artwork.tags, artwork.id, *size)
    png = subprocess.run(["rsvg-convert"], input=svg.encode(), capture_output=True, check=True).stdout
    return as_jpeg(Image.open(io.BytesIO(png)))


def still(photographs: Mapping[str, bytes]) -> Render:
    """Return how pictures are made of stills: cut to their shape around what draws the eye."""

    def cut(picture: Picture) -> bytes:
        image = Image.open(io.BytesIO(photographs[picture.artwork.id])).convert("RGB")
        window = crop(image.size, SIZES[picture.kind], (), attention_map(np.asarray(image)))
        right, below = window.left + window.width, window.top + window.height
        return as_jpeg(image.crop((window.left, window.top, right, below)).resize(SIZES[picture.kind]))

    return cut


def as_jpeg(image: Image.Image) -> bytes:
    """Return an image as JPEG."""
    data = io.BytesIO()
    image.convert("RGB").save(data, "JPEG", quality=88)
    return data.getvalue()


def films() -> keyart.Catalog:
    """Return the made-up films of the web TV client."""
    return runpy.run_path(str(HERE.parent / "tv-web/build.py"))["catalog"]()


def write_library(folder: Path, films: Sequence[Film]) -> keyart.Catalog:
    """Write films into `folder`/Films, the newest first; return their catalogue, in which paths are relative."""
    clip = _clip()
    pictures = []
    for age, film in enumerate(films):
        own = folder / "Films" / film.title.name
        own.mkdir(parents=True)
        _write_film(own, film, clip, age)
        pictures += [(picture, film.render) for picture in _pictures(own, film.title)]
    with ThreadPoolExecutor(2) as pool:
        for (picture, _), data in zip(pictures, pool.map(lambda one: one[1](one[0]), pictures), strict=True):
            picture.file.write_bytes(data)
    imported = import_catalog([folder / "Films"], base=folder)
    if imported.issues.broken:
        raise SystemExit("\n".join(str(issue) for issue in imported.issues.broken))
    return _tagged(imported.catalog, {str(p.file.relative_to(folder)): p.artwork for p, _ in pictures})


def _write_film(folder: Path, film: Film, clip: bytes, age: int) -> None:
    """Write a film without its pictures, `age` days old."""
    title = film.title
    video = folder / f"{title.name}.mkv"
    video.write_bytes(clip)
    os.utime(video, (NEWEST - 86_400 * age,) * 2)
    genres = [tag.partition(":")[2].replace("-", " ").title() for tag in title.tags if tag.startswith("genre:")]
    (folder / "movie.nfo").write_text(
        f"<movie><title>{html.escape(title.name)}</title><year>{YEARS[7 * age % len(YEARS)]}</year>"
        + "".join(f"<genre>{genre}</genre>" for genre in genres)
        + f"<plot>{html.escape(film.plot)}</plot><fileinfo><streamdetails><video>"
        f"<durationinseconds>{CLIP_SECONDS}</durationinseconds></video></streamdetails></fileinfo></movie>",
        encoding="utf-8",
    )


def _pictures(folder: Path, title: keyart.Title) -> Iterator[Picture]:
    """Yield the pictures of a film: a poster of each artwork, landscapes and fanart of a few."""
    spread = title.artworks[1 :: max(len(title.artworks) // MAX_WIDE, 1)]
    for kind in SIZES:
        for place, artwork in enumerate(title.artworks if kind == "poster" else spread):
            yield Picture(title, artwork, kind, folder / f"{kind}{place or ''}.jpg")


def _tagged(catalog: keyart.Catalog, shown: Mapping[str, keyart.Artwork]) -> keyart.Catalog:
    """Return the catalogue with what its pictures show, which nobody needs to measure: they were made from it."""
    titles = []
    for title in catalog:
        artworks = [
            replace(
                artwork,
                tags={**artwork.tags, **shown[artwork.image].tags},
                maturity=shown[artwork.image].maturity,
            )
            for artwork in title.artworks
        ]
        titles.append(replace(title, artworks=artworks))
    return keyart.Catalog.from_titles(titles)


def _clip() -> bytes:
    """Return a short silent video: a dark field over which a light moves."""
    down, across = np.mgrid[0:360, 0:640]
    data = io.BytesIO()
    with av.open(data, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 640, 360, "yuv420p", 1_000_000
        for number in range(10 * CLIP_SECONDS):
            x = 320 + 240 * math.sin(number / 12)
            light = np.exp(-((across - x) ** 2 + (down - 180) ** 2) / 10_000.0)
            pixels = np.stack([40 + 200 * light, 30 + 120 * light, 40 + 40 * light], axis=-1).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return data.getvalue()


def write_history(folder: Path, catalog: Path, liked: Iterable[str]) -> None:
    """Write what somebody has watched before into the add-on's folder of a Kodi profile, as its sidecar would.

    Args:
        folder: The add-on's folder of the profile.
        catalog: The catalogue.
        liked: Genres of what they have watched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    titles, tags = keyart.Catalog.load(catalog), {f"genre:{genre}" for genre in liked}
    at = datetime.now(UTC) - timedelta(days=1)
    views = [keyart.View(title.id, at, 6000) for title in titles if tags & title.tags.keys()]
    with keyart.Personalizer.open(folder / "profile.db", catalog=titles, keys=key_folder(folder / "keys")) as art:
        art.consent.grant("personalization")
        art.record_many(views)
