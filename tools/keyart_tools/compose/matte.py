"""The soft edge and the colours of a cut-out: matting, spill removal and colour matching."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .picture_file import Pixels

GUIDE_SHARE = 1 / 160  # radius of the guided filter, of the long side
SMOOTHNESS = 1e-4  # ε of the guided filter, on greys of 0–1
TRIM = 0.25  # of the soft edge, where most of the old background shines in
MATCH = 0.45  # how far colours go towards the new background's; at 1 a white dog on a lawn turns green
MIN_SPREAD_RATIO, MAX_SPREAD_RATIO = 0.75, 1.25  # ratio of contrasts


def soft_edge(pixels: Pixels, mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return alpha [height, width] that follows the picture's edges, from a hard mask of any size.

    This is the guided filter of He, Sun and Tang (ECCV 2010), equations 5, 6 and 8, guided by the grey picture.
    """
    height, width = pixels.shape[:2]
    wanted = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    guide = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    radius = max(2, round(max(height, width) * GUIDE_SHARE))
    size = (2 * radius + 1, 2 * radius + 1)
    mean_guide, mean_wanted = cv2.blur(guide, size), cv2.blur(wanted, size)
    covariance = cv2.blur(guide * wanted, size) - mean_guide * mean_wanted
    slope = covariance / (cv2.blur(guide * guide, size) - mean_guide**2 + SMOOTHNESS)
    alpha = cv2.blur(slope, size) * guide + cv2.blur(mean_wanted - slope * mean_guide, size)
    # Far from the outline the mask is certain.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size)
    hard = (wanted > 0.5).astype(np.uint8)
    inside = cv2.erode(hard, kernel, borderType=cv2.BORDER_REPLICATE) > 0
    outside = cv2.dilate(hard, kernel) == 0
    alpha = np.where(inside, 1.0, np.where(outside, 0.0, alpha))
    return np.asarray(np.clip((alpha - TRIM) / (0.95 - TRIM), 0, 1), np.float32)


def without_spill(pixels: Pixels, alpha: NDArray[np.float32]) -> Pixels:
    """Replace colours of the soft edge by those of the nearest pixel that surely belongs to the subject."""
    sure = alpha > 0.97
    if not sure.any():
        return pixels
    unsure = (~sure).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(unsure, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    nearest = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    nearest[labels[sure]] = pixels[sure]
    return np.where(sure[..., None], pixels, cv2.GaussianBlur(nearest[labels], (0, 0), 1.2))


def matched(pixels: Pixels, alpha: NDArray[np.float32], scene: Pixels) -> Pixels:
    """Match the subject's colours to `scene`: mean and spread of each CIELAB channel move towards the scene's.

    This applies Reinhard et al., "Color transfer between images" (IEEE CG&A 2001), equations 10 and 11, scaled by
    `MATCH`.
    """
    subject, around = _lab(pixels), _lab(scene)
    weight = alpha / max(float(alpha.sum()), 1e-6)
    mean = (subject * weight[..., None]).sum((0, 1))
    spread = np.sqrt((((subject - mean) ** 2) * weight[..., None]).sum((0, 1)))
    ratio = np.clip(around.std((0, 1)) / np.maximum(spread, 1e-3), MIN_SPREAD_RATIO, MAX_SPREAD_RATIO)
    moved = (subject - mean) * (1 + MATCH * (ratio - 1)) + mean + MATCH * (around.mean((0, 1)) - mean)
    rgb = cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(rgb * 255, 0, 255).round(), np.uint8)


def _lab(pixels: Pixels) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
