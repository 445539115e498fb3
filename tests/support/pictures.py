"""Pictures whose subject has a known outline: a red figure before a lawn under a sky."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from keyart import Artwork, Catalog, Title
from keyart_tools.tagging.colour import Colours
from keyart_tools.tagging.film import FilmFile
from keyart_tools.tagging.still import Still
from keyart_tools.tagging.tagging_file import Tagging

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def landscape(width: int = 640, height: int = 360, seed: int = 0) -> np.ndarray:
    """Sky and lawn with a little grain."""
    rng = np.random.default_rng(seed)
    picture = np.empty((height, width, 3), np.float64)
    picture[: height // 2] = (150, 180, 220)
    picture[height // 2 :] = (90, 140, 60)
    return np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8)


def doll(width: int = 800, height: int = 450) -> tuple[np.ndarray, np.ndarray]:
    """A red figure that the lower edge cuts, and its mask."""
    mask = np.zeros((height, width), np.uint8)
    middle = width // 2
    cv2.ellipse(mask, (middle, height), (width // 7, height // 2), 0, 0, 360, 1, -1)
    cv2.circle(mask, (middle, round(0.42 * height)), round(0.16 * height), 1, -1)
    picture = landscape(width, height)
    picture[mask > 0] = (190, 40, 40)
    return picture, mask


def tagged(folder: Path, pictures: dict[str, np.ndarray], licence: str = "", **changes: dict) -> Path:
    """A folder as `keyart tag` leaves it, with one still a shot. changes: fields of stills, by id."""
    (folder / "stills").mkdir(parents=True)
    stills, artworks = [], []
    for shot, (name, pixels) in enumerate(pictures.items(), 1):
        image = f"stills/{name}.jpg"
        Image.fromarray(pixels).save(folder / image, quality=95)
        height, width = pixels.shape[:2]
        colours = Colours(0.5, 0.2, 0.1, 0.0, (("#808080", 1.0),))
        tags = {"shot:medium": 1.0, "palette:warm": 1.0, "faces": 0.5, "motion:calm": 1.0}
        still = Still(
            name, shot, 10.0 * shot, 240 * shot, image, width, height, 90.0, 0.1, colours, tags=tags, selected=shot
        )
        stills.append(replace(still, **changes.get(name, {})))
        artworks.append(Artwork(f"film/{name}", tags=tags, image=image, maturity="13+" if name == "lawn" else ""))
    film = FilmFile(folder / "film.mp4", 1, 1, "0" * 64, 600.0, 14_400, 24.0)
    Tagging(film, "film", "A film", licence, finished=True, stills=tuple(stills)).save(folder)
    title = Title("film", "A film", 600.0, artworks=artworks)
    other = Title("other", artworks=[Artwork("other/a")])
    Catalog.from_titles([other, title]).save(folder / "catalog.json")
    return folder
