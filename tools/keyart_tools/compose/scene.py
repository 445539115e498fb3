"""Composition of a subject in front of another picture: position, size and light.

Pure. If the frame of its own picture cut the subject, the new frame cuts it too, so that no flat edge is visible.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from keyart.errors import InputError

from .attention import Box
from .blur import blurred
from .crop import CropWindow
from .cutout import Cutout
from .matte import matched
from .picture_file import Pixels

BESIDE = 1.2  # a wider shape has the subject beside the title, another one below it
MAX_SHARES_BESIDE, MAX_SHARES_ABOVE = (
    (0.94, 0.62),
    (0.68, 0.96),
)  # share of height and width that the subject may take
CLOSE_UP = 0.8  # share of the width of a subject that fills the height
GROUND = 0.04  # of the height, below a subject that no frame cut
CENTRE = 0.7  # where a subject beside its title stands
DEPTH = 0.0045  # deviation of the background's blur, of the long side: a lens with the subject in focus
DIM = 0.88  # light of the background, so that the subject comes forward
SHADOW, SHADOW_WIDTH = 0.35, 0.03
MAX_ENLARGEMENT = 3.0  # of a picture's pixels; beyond, it is soft on every screen
MAX_BACKGROUND_ENLARGEMENT = 6.0  # which is blurred anyway


@dataclass(frozen=True, slots=True)
class ComposedScene:
    """A composed picture.

    Attributes:
        cover: float32 [height, width], the share of each pixel that is subject.
        placed: box of the subject.
    """

    pixels: Pixels = field(repr=False)
    cover: NDArray[np.float32] = field(repr=False)
    placed: Box


def cropped(pixels: Pixels, window: CropWindow, shape: tuple[int, int], largest: float = MAX_ENLARGEMENT) -> Pixels:
    """Return the window scaled to `shape` (width, height).

    Raises:
        InputError: the enlargement exceeds `largest`.
    """
    _check_enlargement(shape[0] / window.width, largest)
    part = pixels[window.top : window.top + window.height, window.left : window.left + window.width]
    way = cv2.INTER_AREA if window.width > shape[0] else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(part, shape, interpolation=way), np.uint8)


def composed(subject: Cutout, background: Pixels) -> ComposedScene:
    """Place `subject` in front of `background`, whose shape is kept.

    Raises:
        InputError: the subject does not fit.
    """
    height, width = background.shape[:2]
    left, top, tall, wide = _place(subject, width, height)
    soft = blurred(background, DEPTH * max(width, height))
    scene = soft * DIM
    way = cv2.INTER_AREA if tall < len(subject.pixels) else cv2.INTER_LANCZOS4
    lit = matched(subject.pixels, subject.alpha, background)
    front = np.zeros((height, width, 3), np.float32)
    cover = np.zeros((height, width), np.float32)
    rows, columns = slice(top, top + tall), slice(left, left + wide)
    front[rows, columns] = cv2.resize(lit, (wide, tall), interpolation=way)
    cover[rows, columns] = np.clip(cv2.resize(subject.alpha, (wide, tall), interpolation=cv2.INTER_LINEAR), 0, 1)
    shadow = blurred(cover, SHADOW_WIDTH * max(width, height))
    scene *= 1 - SHADOW * shadow[..., None]
    pixels = scene + (front - scene) * cover[..., None]
    return ComposedScene(
        np.clip(pixels, 0, 255).round().astype(np.uint8),
        cover,
        (left / width, top / height, wide / width, tall / height),
    )


def _place(subject: Cutout, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, height and width of the subject in pixels."""
    own_height, own_width = subject.alpha.shape
    beside = width / height > BESIDE
    if "top" in subject.touches and not beside:
        raise InputError("the frame cuts the subject's head, so that it fills the height of a wide picture only.")
    most_high, most_wide = MAX_SHARES_BESIDE if beside else MAX_SHARES_ABOVE
    if "top" in subject.touches:
        most_high, most_wide = 1.0, CLOSE_UP
    scale = min(most_high * height / own_height, most_wide * width / own_width)
    if "top" in subject.touches and scale * own_height < height - 1:
        raise InputError("the frame cuts the subject's head, and it is too broad to fill the height.")
    _check_enlargement(scale)
    tall, wide = min(height, round(scale * own_height)), min(width, round(scale * own_width))
    top = height - tall - (0 if "bottom" in subject.touches else round(GROUND * height))
    if "left" in subject.touches:
        left = 0
    elif "right" in subject.touches:
        left = width - wide
    else:
        left = round(min((CENTRE if beside else 0.5) * width - wide / 2, width - wide))
    return left, max(0, top), tall, wide


def _check_enlargement(times: float, largest: float = MAX_ENLARGEMENT) -> None:
    if times > largest:
        raise InputError(f"it would be enlarged {times:.1f} times, more than {largest:.0f}.")
