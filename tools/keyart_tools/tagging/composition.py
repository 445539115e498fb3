"""Salient subject of a picture, and calm spaces for a title.

Saliency is the spectral residual (X. Hou, L. Zhang, Saliency detection: a spectral residual approach, CVPR 2007): the
log spectrum minus its smooth part. It is weighted towards the centre, where people look first (T. Judd et al.,
Learning to predict where humans look, ICCV 2009). Boxes are (left, top, width, height) as shares of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from keyart_tools.models import Box, Picture

Grey = npt.NDArray[np.float32]

SALIENCY_SIDE = 64  # pixels: the scale of the paper
MIDDLE = 0.3  # standard deviation of the weight of the middle, as a share of the side
SALIENT = 3.0  # times the mean of the map: the paper's threshold for what is an object
GRID = (160, 90)  # cells in which edges are counted
SAFE = 0.05  # of each side that stays free: the graphics-safe area of EBU R 95 is 90 % of width and height
TITLE_SIZES = ((0.55, 0.3), (0.4, 0.4), (0.28, 0.6), (0.4, 0.25), (0.28, 0.4))  # of the space for a title
CALM_EDGES = 0.035  # mean gradient, of a full step from black to white, below which a title can be read
MAX_SPACES = 3
OCCUPIED = 1e6  # strength of edges where nothing may be written


def subject(picture: Picture, faces: Sequence[Box]) -> Box | None:
    """Return the box around the faces, or else around the salient region; None in an even picture."""
    if faces:
        left, top = min(b[0] for b in faces), min(b[1] for b in faces)
        right, bottom = max(b[0] + b[2] for b in faces), max(b[1] + b[3] for b in faces)
        return _rounded((left, top, right - left, bottom - top))
    saliency = spectral_residual(picture)
    mask = (saliency > SALIENT * saliency.mean()).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(mask, np.ones((5, 5), np.uint8)))
    if count < 2:
        return None
    left, top, width, height = (int(x) for x in stats[1 + stats[1:, cv2.CC_STAT_AREA].argmax()][:4])
    side = SALIENCY_SIDE
    return _rounded((left / side, top / side, width / side, height / side))


def spectral_residual(picture: Picture) -> Grey:
    """Return the saliency map, [64, 64], not negative."""
    grey = _grey(picture, (SALIENCY_SIDE, SALIENCY_SIDE))
    spectrum = np.fft.fft2(grey.astype(np.float64))
    amplitude = np.log(np.abs(spectrum) + 1e-9)
    residual = amplitude - cv2.blur(amplitude, (3, 3))
    back = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    middle = cv2.getGaussianKernel(SALIENCY_SIDE, MIDDLE * SALIENCY_SIDE)
    return np.asarray(cv2.GaussianBlur(back, (0, 0), 2.5) * (middle @ middle.T), dtype=np.float32)


def edges(picture: Picture) -> Grey:
    """Return the edge strength in 160 × 90 cells; 1 is a step from black to white."""
    grey = _grey(picture, (2 * GRID[0], 2 * GRID[1]))
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.resize(cv2.magnitude(across, down) / (4 * 255), GRID, interpolation=cv2.INTER_AREA))


def calm_spaces(strength: Grey, taken: Sequence[Box] = ()) -> tuple[Box, ...]:
    """Return up to three disjoint boxes for a title, best first: large, with few edges.

    Args:
        strength: edge strength.
        taken: boxes that must stay free (faces, lettering).
    """
    free = strength.astype(np.float64)
    for box in taken:
        _fill(free, box)
    chosen: list[Box] = []
    while len(chosen) < MAX_SPACES and (space := _calmest(free)) is not None:
        chosen.append(space)
        _fill(free, space)
    return tuple(chosen)


def _calmest(strength: npt.NDArray[np.float64]) -> Box | None:
    sums = cv2.integral(strength, sdepth=cv2.CV_64F)
    margin_x, margin_y = round(SAFE * GRID[0]), round(SAFE * GRID[1])
    best, best_worth = None, 0.0
    for share_x, share_y in TITLE_SIZES:
        width, height = round(share_x * GRID[0]), round(share_y * GRID[1])
        totals = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
        density = totals[margin_y:-margin_y, margin_x:-margin_x] / (width * height)
        y, x = (int(i) for i in np.unravel_index(density.argmin(), density.shape))
        worth = share_x * share_y * (1 - float(density[y, x]) / CALM_EDGES)
        if worth > best_worth:
            place = (x + margin_x) / GRID[0], (y + margin_y) / GRID[1], width / GRID[0], height / GRID[1]
            best, best_worth = _rounded(place), worth
    return best


def _fill(strength: npt.NDArray[np.float64], box: Box) -> None:
    """Mark `box` as occupied."""
    left, top, width, height = box
    rows = slice(int(max(0.0, top) * GRID[1]), int(np.ceil((top + height) * GRID[1])))
    columns = slice(int(max(0.0, left) * GRID[0]), int(np.ceil((left + width) * GRID[0])))
    strength[rows, columns] = OCCUPIED


def _rounded(box: Box) -> Box:
    left, top, width, height = (round(float(x), 4) for x in box)
    return left, top, width, height


def _grey(picture: Picture, size: tuple[int, int]) -> Picture:
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
