"""The title on a picture: placement, and contrast with the background.

The title stays inside the graphics safe area of EBU R 95: 5 % from each edge. Letters are white on a background that
is darkened until its brightest pixel meets the contrast of WCAG 2.2, success criterion 1.4.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from keyart.errors import SettingError
from keyart_tools.models.picture_types import linear_light

from .blur import blurred
from .crop import PixelBox
from .picture_file import Pixels

SAFE_MARGIN = 0.05  # of width and of height, at each edge: EBU R 95
MIN_CONTRAST = 4.5  # WCAG 2.2, level AA
DRAWN_CONTRAST = 6.0  # more than that, since JPEG moves values around the letters
SIZES = (0.13, 0.115, 0.1, 0.088, 0.077, 0.068, 0.06, 0.053)  # height of a line, of the short side
COLUMNS = (0.9, 0.62, 0.46)  # width of the block, of the picture
CLUTTER_COST = 4.0  # what letters on the subject cost, against larger letters
LINE = 1.18  # from line to line, of the font's size
BLUR = 0.012  # deviation of the blur below the letters, of the long side
MAX_TITLE_LENGTH = 120  # characters


@dataclass(frozen=True, slots=True)
class TitlePlace:
    """A block of lines; `box` is in pixels, `size` is the font size."""

    lines: tuple[str, ...]
    box: PixelBox
    size: int
    align: str


def checked_title(text: str) -> str:
    """Return `text` on one line.

    Raises:
        SettingError: it is too long, or a letter cannot be drawn.
    """
    clean = " ".join(text.split())
    if not clean or len(clean) > MAX_TITLE_LENGTH:
        raise SettingError(f"A title on a picture has 1 to {MAX_TITLE_LENGTH} characters, not {len(clean)}.")
    from matplotlib.ft2font import FT2Font

    face = FT2Font(str(font_file()))
    missing = sorted({letter for letter in clean if not face.get_char_index(ord(letter))})
    if missing:
        shown = ", ".join(f"U+{ord(letter):04X}" for letter in missing[:5])
        raise SettingError(f"{font_file().name} has no letter for {shown}; write the title with others.")
    if not features.check("raqm") and any(not letter.isascii() and letter > "ʯ" for letter in clean):
        raise SettingError("This Pillow has no raqm, which joined and right-to-left scripts need; reinstall it.")
    return clean


@cache
def font_file() -> Path:
    """Return DejaVu Sans Bold, which ships with matplotlib; its licence allows embedding."""
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"


def find_place(
    text: str, size: tuple[int, int], boxes: Sequence[PixelBox], attention: NDArray[np.float32]
) -> TitlePlace | None:
    """Return the place with large letters on a calm background that covers none of `boxes`; None if nothing fits."""
    width, height = size
    busy = cv2.resize(attention, size, interpolation=cv2.INTER_LINEAR)
    busy = busy / max(float(busy.max()), 1e-6)
    total = cv2.integral(busy)
    best: tuple[float, TitlePlace] | None = None
    for place in _candidates(text, size):
        left, top, right, bottom = place.box
        if any(left < box[2] and right > box[0] and top < box[3] and bottom > box[1] for box in boxes):
            continue
        inside = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        clutter = float(inside) / ((right - left) * (bottom - top))
        score = place.size / min(width, height) / SIZES[0] - CLUTTER_COST * clutter
        if best is None or score > best[0]:
            best = score, place
    return best[1] if best else None


def lettered(pixels: Pixels, place: TitlePlace, spared: NDArray[np.float32]) -> tuple[Pixels, float]:
    """Draw the title on a scrim.

    Args:
        pixels: the picture.
        place: place of the title.
        spared: [height, width] 0–1; where it is 1, only the background of the letters is darkened.

    Returns:
        The picture, and the minimum contrast between letters and background.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = place.box
    pad = place.size // 2
    block = slice(max(0, top - pad), bottom + pad), slice(max(0, left - pad), right + pad)
    near = np.zeros((height, width), np.float32)
    near[block] = 1
    far = blurred(near, 1.3 * place.size) * (1 - spared)
    near = blurred(near, pad / 2)
    near[top:bottom, left:right] = 1
    shade = np.maximum(near, np.minimum(1, 1.4 * far))
    calm = blurred(pixels, BLUR * max(width, height))
    ground = pixels + (calm - pixels) * near[..., None]
    below = ground[top:bottom, left:right]
    keep = next(k for k in np.linspace(1, 0, 41) if contrast_on_white(below * k) >= DRAWN_CONTRAST)
    ground *= 1 - (1 - keep) * shade[..., None]
    contrast = contrast_on_white(ground[top:bottom, left:right])
    image = Image.fromarray(np.clip(ground, 0, 255).round().astype(np.uint8))
    font = ImageFont.truetype(font_file(), place.size)
    draw = ImageDraw.Draw(image)
    across, anchor = {"left": (left, "la"), "center": ((left + right) / 2, "ma"), "right": (right, "ra")}[place.align]
    for row, line in enumerate(place.lines):
        draw.text((across, top + row * _step(place.size)), line, "white", font, anchor)
    return np.asarray(image), contrast


def contrast_on_white(pixels: NDArray[np.generic]) -> float:
    """Return the WCAG contrast ratio of white with the brightest of `pixels` (sRGB, 0–255)."""
    linear = linear_light(np.asarray(pixels, np.float32) / 255)
    return float(1.05 / ((linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)).max() + 0.05))


def _candidates(text: str, size: tuple[int, int]) -> Iterator[TitlePlace]:
    width, height = size
    margin = SAFE_MARGIN * width, SAFE_MARGIN * height
    for share in SIZES:
        points = round(share * min(width, height))
        font = ImageFont.truetype(font_file(), points)
        wrapped = dict.fromkeys(tuple(_wrapped(text, font, column * width)) for column in COLUMNS)
        for lines in wrapped:
            wide = max(font.getlength(line) for line in lines)
            tall = (len(lines) - 1) * _step(points) + points * 1.25
            if wide > width - 2 * margin[0] or tall > min(0.5 * height, height - 2 * margin[1]):
                continue
            across = {"left": margin[0], "center": (width - wide) / 2, "right": width - margin[0] - wide}
            for top in (height - margin[1] - tall, margin[1], (height - tall) / 2):
                for align, left in across.items():
                    box = int(left), int(top), int(np.ceil(left + wide)), int(np.ceil(top + tall))
                    yield TitlePlace(lines, box, points, align)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _step(points: int) -> int:
    return round(LINE * points)
