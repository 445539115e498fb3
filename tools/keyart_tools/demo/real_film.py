"""A real film among the titles of the demo's page: its stills, found by `keyart tag`, serve as artworks.

The film is tagged in its own process while the arms run. Its response is not simulated: it appears on the page only,
where the SDK chooses by what the stills show.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keyart
from keyart.errors import DataUnavailable, KeyartError

TITLE_ID, NAME = "big-buck-bunny", "Big Buck Bunny (2008)"
GENRES = {"genre:animation": 0.6, "genre:comedy": 0.4}
STILLS = 9
PAGE_WIDTH, PAGE_QUALITY = 640, 82  # of a still on the page


@dataclass(frozen=True)
class FilmTitle:
    """The film as a title.

    Attributes:
        photographs: JPEG bytes by artwork id.
        licence: licence and attribution of the film.
    """

    title: keyart.Title
    photographs: Mapping[str, bytes]
    licence: str


def tag_film(film: Path | None, folder: Path) -> None:
    """Tag `film` into `folder`, unless that is done; None stands for Big Buck Bunny, which is fetched if needed.

    Raises:
        KeyartError: the film cannot be fetched or tagged.
    """
    try:
        from keyart_tools.models import Models
        from keyart_tools.models.sample_media import BIG_BUCK_BUNNY, big_buck_bunny
        from keyart_tools.tagging import FilmFile, tag
    except ImportError as error:
        raise DataUnavailable(f"{error.name} is not installed; run pip install 'keyart[tagging]'.") from None
    film = film or big_buck_bunny()
    folder.mkdir(parents=True, exist_ok=True)
    tag(
        FilmFile.open(film), folder, Models.open(),
        count=STILLS, title_id=TITLE_ID, name=NAME, licence=BIG_BUCK_BUNNY, html=True,
    )  # fmt: skip


def read_tagged_film(folder: Path) -> FilmTitle:
    """Read the result of `tag_film` from `folder`.

    Raises:
        KeyartError: the folder is missing or damaged.
    """
    from keyart_tools.tagging import Tagging

    tagged = keyart.Catalog.load(folder / "catalog.json")[TITLE_ID]
    title = keyart.Title(tagged.id, tagged.name, tagged.duration, {**tagged.tags, **GENRES}, tagged.artworks)
    photographs = {artwork.id: _for_page(folder / artwork.image) for artwork in title.artworks}
    return FilmTitle(title, photographs, Tagging.load(folder).licence)


def _for_page(path: Path) -> bytes:
    from io import BytesIO

    from PIL import Image

    with Image.open(path) as picture:
        picture.thumbnail((PAGE_WIDTH, PAGE_WIDTH))
        small = BytesIO()
        picture.convert("RGB").save(small, "JPEG", quality=PAGE_QUALITY, optimize=True)
    return small.getvalue()


def main() -> None:
    """Tag the film in the process that `tag_in_background` starts; an error ends it with one sentence on stderr."""
    try:
        tag_film(None, Path(sys.argv[1]))
    except (KeyartError, OSError) as error:
        sys.exit(str(error))


@contextmanager
def tag_in_background(folder: Path, warn: Callable[[str], None]) -> Iterator[Callable[[], FilmTitle | None]]:
    """Tag the film into `folder` in another process while the block runs.

    Yields:
        A function that waits for the result; it returns None, after a warning, if tagging failed.
    """
    command = [sys.executable, "-c", f"from {__name__} import main; main()", os.fspath(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:  # noqa: S603

        def result() -> FilmTitle | None:
            _, said = child.communicate()
            if child.returncode:
                why = said.strip().splitlines() or ["Tagging it was stopped."]
                warn(f"The page shows no real film. {why[-1]}")
                return None
            return read_tagged_film(folder)

        try:
            yield result
        finally:
            if child.poll() is None:  # it may have minutes to go, and nobody waits for it any more
                child.terminate()
