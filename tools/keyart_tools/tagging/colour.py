"""Perceived colours: OKLab, palette, warmth, lightness and contrast.

OKLab: B. Ottosson, A perceptual color space for image processing, 2020. The palette is k-means (S. Lloyd, Least
squares quantization in PCM, 1982), initialised with quantiles of lightness, so that it is deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from keyart_tools.models import Picture
from keyart_tools.models.picture_types import linear_light

Lab = npt.NDArray[np.float32]  # [..., 3]: lightness 0–1, a (green to red), b (blue to yellow)

SIDE = 64  # pixels of the picture's longer side that are looked at
COLOURS = 5
ALIKE = 0.08  # distance in OKLab below which two colours of a palette become one
WARM_HUE = np.deg2rad(60.0)  # of orange in OKLab; cool is the opposite, a blue

_RGB_TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929],
     [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
_LMS_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468],
     [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Colours:
    """Colour measures of a picture.

    Attributes:
        lightness: mean, 0–1.
        contrast: standard deviation of lightness.
        chroma: mean.
        warmth: mean chroma towards orange; negative towards blue.
        palette: (#rrggbb, share), largest share first.
    """

    lightness: float
    contrast: float
    chroma: float
    warmth: float
    palette: tuple[tuple[str, float], ...]


def oklab(picture: Picture) -> Lab:
    """Convert sRGB (IEC 61966-2-1) to OKLab, with the same shape."""
    linear = linear_light(picture.astype(np.float64) / 255.0)
    return np.asarray(np.cbrt(linear @ _RGB_TO_LMS.T) @ _LMS_TO_LAB.T, dtype=np.float32)


def srgb(lab: Lab) -> Picture:
    """Convert OKLab to sRGB; colours outside of sRGB are clipped."""
    linear = (lab @ np.linalg.inv(_LMS_TO_LAB).T) ** 3 @ np.linalg.inv(_RGB_TO_LMS).T
    linear = np.clip(linear, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded * 255.0), dtype=np.uint8)


def colours(picture: Picture) -> Colours:
    """Measure the colours of a picture of any size."""
    scale = min(1.0, SIDE / max(picture.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    lab = oklab(np.asarray(small, dtype=np.uint8)).reshape(-1, 3)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    towards_warm = lab[:, 1] * np.cos(WARM_HUE) + lab[:, 2] * np.sin(WARM_HUE)
    return Colours(
        lightness=float(lab[:, 0].mean()),
        contrast=float(lab[:, 0].std()),
        chroma=float(chroma.mean()),
        warmth=float(towards_warm.mean()),
        palette=_palette(lab),
    )


def _palette(lab: Lab) -> tuple[tuple[str, float], ...]:
    ranks = lab[:, 0].argsort(kind="stable").argsort(kind="stable")
    labels = (ranks * COLOURS // len(lab)).astype(np.int32)
    if len(lab) >= COLOURS:
        stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1e-3)
        _, labels, _ = cv2.kmeans(lab, COLOURS, labels[:, None], stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    groups = [lab[labels.ravel() == label] for label in range(COLOURS)]
    clusters = sorted(((len(group), group.mean(axis=0)) for group in groups if len(group)), key=lambda item: -item[0])
    merged: list[tuple[int, Lab]] = []
    for size, centre in clusters:
        nearest = next((i for i, (_, other) in enumerate(merged) if np.linalg.norm(other - centre) < ALIKE), None)
        if nearest is None:
            merged.append((size, centre))
        else:
            merged_size, other = merged[nearest]
            total = merged_size + size
            merged[nearest] = total, (merged_size * other + size * centre) / total
    merged.sort(key=lambda item: -item[0])
    return tuple(("#" + srgb(centre).tobytes().hex(), round(size / len(lab), 3)) for size, centre in merged)
