"""Tags of the pictures that a catalogue names, measured as `keyart tag` measures stills; needs keyart[tagging]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from keyart import Catalog
from keyart.catalog import Artwork, Title, kind_of
from keyart.errors import InputError
from keyart_tools.compose.picture_file import read_picture
from keyart_tools.models import Models
from keyart_tools.tagging.catalogue import ADULT, mean_embedding
from keyart_tools.tagging.colour import colours
from keyart_tools.tagging.judgement import MAX_UNSAFE
from keyart_tools.tagging.measure import SEEN_SIDE, check, measure
from keyart_tools.tagging.still import Still
from keyart_tools.tagging.tags import LOOK_KINDS, look_of, with_look

from .import_issues import ImportIssues
from .tagged_folder import is_local

Tell = Callable[[int, int], None]


def measure_artworks(
    catalog: Catalog, folder: Path, models: Models, issues: ImportIssues, tell: Tell = lambda done, of: None
) -> Catalog:
    """Return the catalogue with tags of what its pictures look like, and of the look of each title.

    Artworks that have such tags already, or a picture on a server, stay as they are.

    Args:
        catalog: The catalogue.
        folder: Folder that the paths of its pictures are relative to.
        models: Models that are there; without any, colours and contrast are measured.
        issues: Collector of pictures that cannot be read.
        tell: Called with the number of titles done and their number in all.
    """
    titles = []
    for done, title in enumerate(catalog, 1):
        artworks = [_measured(artwork, folder, models, issues) for artwork in title.artworks]
        titles.append(_with_look(replace(title, artworks=artworks)))
        tell(done, len(catalog))
    return Catalog.from_titles(titles)


def _with_look(title: Title) -> Title:
    pictures = [artwork.tags for artwork in title.artworks if _has_look(artwork)]
    if not pictures:
        return title
    embedding = title.embedding if title.embedding is not None else mean_embedding(title.artworks)
    return replace(title, tags=with_look(title.tags, look_of(pictures)), embedding=embedding)


def _has_look(artwork: Artwork) -> bool:
    return any(kind_of(tag) in LOOK_KINDS for tag in artwork.tags)


def _measured(artwork: Artwork, folder: Path, models: Models, issues: ImportIssues) -> Artwork:
    if _has_look(artwork) or not is_local(artwork.image):
        return artwork
    try:
        pixels = read_picture(folder / artwork.image).pixels
    except InputError as error:
        issues.of(folder / artwork.image).broken(str(error).removeprefix(f"{folder / artwork.image} "))
        return artwork
    height, width = pixels.shape[:2]
    scale = min(1.0, SEEN_SIDE / max(height, width))
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    still = Still(artwork.id, 0, 0.0, 0, artwork.image, width, height, 0.0, 0.0, colours(pixels))
    still = check(measure(still, pixels, models), pixels, models)
    tags = {tag: weight for tag, weight in still.tags.items() if kind_of(tag) != "motion"}  # a picture has none
    embedding = artwork.embedding
    if embedding is None and models.objects is not None and still.embedding is not None:
        embedding = [round(float(x), 4) for x in still.embedding]
    unsafe = still.unsafe is not None and still.unsafe >= MAX_UNSAFE
    maturity = artwork.maturity or (ADULT if unsafe else "")
    return replace(artwork, tags={**tags, **artwork.tags}, embedding=embedding, maturity=maturity)
