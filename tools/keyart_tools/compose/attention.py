"""Visual attention: what differs from the colours at all four borders.

This is the boundary prior of Wei et al. (ECCV 2012) and Zhang et al. (ICCV 2015): what reaches the border is
background, and a subject rarely fills more than one border. It is weighted towards the centre, where most subjects
are.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .picture_file import Pixels

Box = tuple[float, float, float, float]  # left, top, width, height as shares of the picture

LONG_SIDE = 160  # pixels of the copy that is measured
BORDER = 0.08  # of the short side
COLOURS = 4  # of one border
MIN_CONTRAST = 15.0  # CIELAB units; less is no difference, however small the others are
MIDDLE = 0.35  # weight of attention that does not depend on the place


def attention_map(pixels: Pixels) -> NDArray[np.float32]:
    """Return the attention of a small copy of the picture, float32 [rows, columns], 0–1."""
    height, width = pixels.shape[:2]
    shrink = LONG_SIDE / max(height, width)
    size = max(16, round(width * shrink)), max(16, round(height * shrink))
    small = cv2.pyrMeanShiftFiltering(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), 6, 16)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    band = max(2, round(BORDER * min(size)))
    contrasts = [_contrast(lab, border) for border in (lab[:band], lab[-band:], lab[:, :band], lab[:, -band:])]
    # The second least of four: a subject may touch one border, and is still unlike the other three.
    unlike = np.sort(np.stack(contrasts), axis=0)[1]
    down, across = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    middle = np.exp(-2 * across**2 - 1.4 * down**2)
    weighed = (unlike * (MIDDLE + (1 - MIDDLE) * middle)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(weighed, (0, 0), 2), np.float32)


def _contrast(lab: NDArray[np.float32], border: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each pixel's distance to the nearest of the border's main colours, 0–1."""
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    _, _, centres = cv2.kmeans(border.reshape(-1, 3).copy(), COLOURS, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    distance = np.linalg.norm(lab[:, :, None] - centres, axis=3).min(2)
    return np.asarray(distance / max(float(distance.max()), MIN_CONTRAST), np.float32)
