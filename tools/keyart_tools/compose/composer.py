"""Composition of finished pictures in several shapes: scene or crop, title, source type, credentials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from keyart.errors import InputError

from .attention import Box, attention_map
from .blur import blurred
from .credentials import Ingredient, signed
from .crop import CropWindow, PixelBox, crop
from .picture_file import Pixels, jpeg
from .scene import MAX_BACKGROUND_ENLARGEMENT, MAX_ENLARGEMENT, composed, cropped
from .signing_keys import SigningKey
from .source_type import source_type, xmp_packet
from .sources import CompositionSources, SourcePicture
from .title_overlay import find_place, lettered

SHAPES = {"tv": (1280, 720), "poster": (800, 1200), "square": (1000, 1000), "phone": (720, 1280)}  # width, height
HEAD = 0.15  # of a face's box, kept free around it: hair and chin
SPARED_EDGE = 0.02  # of the long side: how softly the title's scrim ends before a face
UPPER = 0.45  # of a subject without a known face: kept free of letters
FACE_ATTENTION = 3.0  # times the strongest of the map

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ComposedPicture:
    """A finished picture; `contrast` is the minimum contrast of the title, None without a title."""

    crop: str
    width: int
    height: int
    contrast: float | None
    data: bytes = field(repr=False)

    @property
    def file(self) -> str:
        """Return the name of the file."""
        return f"{self.crop}.jpg"


@dataclass(frozen=True, slots=True)
class Composition:
    """The finished pictures; `skipped` holds the reason by crop that could not be made."""

    made: tuple[ComposedPicture, ...]
    skipped: dict[str, str]
    synthetic: bool
    source_type: str
    ingredients: tuple[Ingredient, ...]


def compose(
    sources: CompositionSources,
    crops: Sequence[str],
    title: str | None,
    drawn: bool,
    rights: str,
    key: SigningKey,
    generator: tuple[str, str],
    now: datetime,
    progress: Progress = lambda done, of: None,
) -> Composition:
    """Compose and sign one picture per crop.

    Args:
        sources: the pictures to compose.
        crops: names of `SHAPES`.
        title: text to draw; None for none.
        drawn: whether the film is drawn or animated.
        rights: attribution to state in the metadata.
        key: signing key.
        generator: name and version of the program, for the credentials.
        now: time of the signature.
        progress: called with the number of crops done and the total number.

    Raises:
        InputError: no crop can be made.
    """
    parts = {"picture": sources.front}
    if sources.subject is not None and sources.back is not None:
        parts = {"subject": sources.front, "background": sources.back}
    ingredients = tuple(Ingredient(part, s.picture.name, s.picture.sha256) for part, s in parts.items())
    synthetic = len(parts) > 1
    kind = source_type(synthetic, drawn, [source.picture.source_type for source in parts.values()])
    steps = ["c2pa.cropped", "c2pa.resized", *(["c2pa.color_adjustments", "c2pa.filtered"] if synthetic else [])]
    packet = xmp_packet(kind, " ".join(generator), rights)
    attention = attention_map(parts["background" if synthetic else "picture"].picture.pixels)
    pictures: list[ComposedPicture] = []
    skipped: dict[str, str] = {}
    for done, name in enumerate(crops):
        progress(done, len(crops))
        try:
            pixels, contrast = _picture(sources, attention, SHAPES[name], title)
        except InputError as error:
            skipped[name] = str(error)
            continue
        actions = [*steps, *(["c2pa.filtered", "c2pa.addedText"] if title else [])]
        data = signed(
            jpeg(pixels, packet), f"{name}.jpg", ingredients, list(dict.fromkeys(actions)), kind, key, generator, now
        )
        pictures.append(ComposedPicture(name, *SHAPES[name], contrast, data))
    progress(len(crops), len(crops))
    if not pictures:
        raise InputError("No picture could be made: " + "; ".join(f"{n}: {reason}" for n, reason in skipped.items()))
    return Composition(tuple(pictures), skipped, synthetic, kind, ingredients)


def _picture(
    sources: CompositionSources, attention: NDArray[np.float32], shape: tuple[int, int], title: str | None
) -> tuple[Pixels, float | None]:
    if sources.subject is not None and sources.back is not None:
        ground, _ = _cut(sources.back, attention, shape, faces=False)
        scene = composed(sources.subject, ground)
        pixels, spared = scene.pixels, scene.cover
        busy = np.maximum(scene.cover, 0.3 * _unit(attention_map(ground), shape))
        moved = [_inside(face, sources.subject.box, scene.placed, shape) for face in sources.front.faces]
        keep = [box for box in moved if box is not None]
        if not keep:  # what no model knows as a face is mostly at the top
            left, top, width, height = scene.placed
            keep = [_pixels((left, top, width, UPPER * height), shape)]
    else:
        pixels, keep = _cut(sources.front, attention, shape, faces=True)
        busy = _unit(attention_map(pixels), shape)
        spared = np.zeros(busy.shape, np.float32)
        for left, top, right, bottom in keep:
            spared[max(0, top) : bottom, max(0, left) : right] = 1
        spared = blurred(spared, SPARED_EDGE * max(shape))
    if title is None:
        return pixels, None
    place = find_place(title, shape, keep, busy)
    if place is None:
        raise InputError(
            "there is no space for the title beside faces and lettering; use a shorter title, or another picture."
        )
    return lettered(pixels, place, spared)


def _cut(
    source: SourcePicture, attention: NDArray[np.float32], shape: tuple[int, int], faces: bool
) -> tuple[Pixels, list[PixelBox]]:
    """Return the part of `source` in `shape`, and the boxes of its faces and lettering there.

    `faces` tells whether faces must not be cut; in a blurred background they may be.
    """
    size = source.picture.size
    weights = attention.copy()
    heads = [_pixels(face, size, HEAD) for face in source.faces] if faces else []
    for face in source.faces:
        rows, columns = _cells(face, weights.shape)
        weights[rows, columns] = FACE_ATTENTION * attention.max() if faces else 0.0
    texts = [_pixels(box, size) for box in source.lettering]
    window = crop(size, shape, [*heads, *texts], weights)
    if window.cuts and heads:  # hair and chin may go before the crop does
        heads = [_pixels(face, size) for face in source.faces]
        window = crop(size, shape, [*heads, *texts], weights)
    if window.cuts:
        what = "a face" if window.cuts[0] < len(heads) else "lettering"
        raise InputError(f"every part of {source.picture.name} in this shape cuts {what}; take another picture.")
    keep = [box for part in (*heads, *texts) if (box := _moved(part, window, shape))]
    largest = MAX_ENLARGEMENT if faces else MAX_BACKGROUND_ENLARGEMENT
    return cropped(source.picture.pixels, window, shape, largest), keep


def _pixels(box: Box, size: tuple[int, int], margin: float = 0.0) -> PixelBox:
    """Convert `box` to whole pixels, rounded outwards."""
    left, top, width, height = box
    across, down = margin * width, margin * height
    return (
        max(0, floor((left - across) * size[0])),
        max(0, floor((top - down) * size[1])),
        min(size[0], ceil((left + width + across) * size[0])),
        min(size[1], ceil((top + height + down) * size[1])),
    )


def _cells(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    left, top, right, bottom = _pixels(box, (shape[1], shape[0]))
    return slice(top, bottom), slice(left, right)


def _moved(box: PixelBox, window: CropWindow, shape: tuple[int, int]) -> PixelBox | None:
    """Return a box of the picture in coordinates of the window; None if it is outside."""
    scale = shape[0] / window.width
    left, top = (box[0] - window.left) * scale, (box[1] - window.top) * scale
    right, bottom = (box[2] - window.left) * scale, (box[3] - window.top) * scale
    if right <= 0 or bottom <= 0 or left >= shape[0] or top >= shape[1]:
        return None
    return floor(left), floor(top), ceil(right), ceil(bottom)


def _inside(face: Box, subject: Box, placed: Box, shape: tuple[int, int]) -> PixelBox | None:
    """Return a face of the subject's picture in coordinates of the scene; None if it is not on the subject."""
    across, down = placed[2] / subject[2], placed[3] / subject[3]
    left, top = placed[0] + (face[0] - subject[0]) * across, placed[1] + (face[1] - subject[1]) * down
    moved = left, top, face[2] * across, face[3] * down
    outside = face[0] >= subject[0] + subject[2] or face[0] + face[2] <= subject[0]
    return None if outside else _pixels(moved, shape, HEAD)


def _unit(attention: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(attention / max(float(attention.max()), 1e-6), shape), np.float32)
