"""Selection of a crop: as much attention as possible, without cutting a face or lettering.

Pure. A window may contain a box entirely or exclude it entirely. For a window of one size, the allowed positions are
a union of closed rectangles whose corners lie where an edge of the window meets an edge of a box or of the picture.
Besides a grid, it is enough to try these; if any position is allowed, one is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SCALES = (1.0, 0.94, 0.88, 0.82, 0.76, 0.7, 0.64, 0.58, 0.52)  # of the largest window of that shape
GRID = 24  # places tried along each axis, besides those that boxes give

PixelBox = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are outside


@dataclass(frozen=True, slots=True)
class CropWindow:
    """A crop in pixels of the picture; `cuts` are the indices of boxes that it cuts because no window avoids it."""

    left: int
    top: int
    width: int
    height: int
    cuts: tuple[int, ...] = ()


def window_sizes(size: tuple[int, int], shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the sizes to try, largest first, for a picture of `size` and a window of `shape` (width, height)."""
    unit = min(size[0] / shape[0], size[1] / shape[1])
    sizes = [tuple(max(1, int(side * unit * scale + 1e-9)) for side in shape) for scale in SCALES]
    return [(width, height) for width, height in dict.fromkeys(sizes)]


def crop(
    size: tuple[int, int], shape: tuple[int, int], boxes: Sequence[PixelBox], attention: NDArray[np.float32]
) -> CropWindow:
    """Return the window with the most attention.

    The window cuts none of the boxes if any window of `window_sizes` avoids it; otherwise its `cuts` name them.

    Args:
        size: width and height of the picture in pixels.
        shape: width and height of the target; only their ratio counts.
        boxes: boxes that must not be cut.
        attention: [rows, columns], of any size.
    """
    mass = _IntegralImage(attention, size)
    best: tuple[float, CropWindow] | None = None
    for width, height in window_sizes(size, shape):
        lefts = _places(size[0], width, [(box[0], box[2]) for box in boxes])
        tops = _places(size[1], height, [(box[1], box[3]) for box in boxes])
        allowed = ~_cut(lefts, tops, width, height, boxes).any(2)
        if not allowed.any():
            continue
        scores = np.where(allowed, mass.of(lefts, tops, width, height), -np.inf)
        row, column = np.unravel_index(int(scores.argmax()), scores.shape)
        if best is None or scores[row, column] > best[0] + 1e-6:
            best = float(scores[row, column]), CropWindow(int(lefts[column]), int(tops[row]), width, height)
    if best is not None:
        return best[1]
    width, height = window_sizes(size, shape)[0]
    lefts, tops = _places(size[0], width, ()), _places(size[1], height, ())
    scores = mass.of(lefts, tops, width, height)
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    left, top = lefts[column : column + 1], tops[row : row + 1]
    cuts = np.flatnonzero(_cut(left, top, width, height, boxes)[0, 0])
    return CropWindow(int(left[0]), int(top[0]), width, height, tuple(int(i) for i in cuts))


def _places(whole: int, part: int, edges: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Return the possible starts of a window of `part` pixels on an axis of `whole`, the centred one first."""
    last = whole - part
    critical = [place for start, end in edges for place in (start, end, start - part, end - part)]
    grid = np.linspace(0, last, GRID).round().astype(int).tolist()
    places = [place for place in dict.fromkeys([*grid, *critical]) if 0 <= place <= last]
    return np.array(sorted(places, key=lambda place: abs(2 * place - last)), np.int64)


def _cut(
    lefts: NDArray[np.int64], tops: NDArray[np.int64], width: int, height: int, boxes: Sequence[PixelBox]
) -> NDArray[np.bool_]:
    """Return [tops, lefts, boxes]: whether a box is partly inside."""
    table = np.array(boxes, np.int64).reshape(-1, 4)
    left, top = lefts[None, :, None], tops[:, None, None]
    right, bottom = left + width, top + height
    within = (table[:, 0] >= left) & (table[:, 2] <= right) & (table[:, 1] >= top) & (table[:, 3] <= bottom)
    apart = (table[:, 2] <= left) | (table[:, 0] >= right) | (table[:, 3] <= top) | (table[:, 1] >= bottom)
    return np.asarray(~(within | apart), np.bool_)


class _IntegralImage:
    """The share of attention in windows, 0–1, from one integral image."""

    def __init__(self, attention: NDArray[np.float32], size: tuple[int, int]) -> None:
        rows, columns = attention.shape
        self.total = np.zeros((rows + 1, columns + 1))
        self.total[1:, 1:] = np.cumsum(np.cumsum(attention, 0, dtype=np.float64), 1)
        self.total /= max(self.total[-1, -1], 1e-12)
        self.across, self.down = columns / size[0], rows / size[1]

    def of(self, lefts: NDArray[np.int64], tops: NDArray[np.int64], width: int, height: int) -> NDArray[np.float64]:
        """Return [tops, lefts], the share of attention in each window."""
        upper, lower = self._rows(tops), self._rows(tops + height)
        inside = lower - upper
        return self._columns(inside, lefts + width) - self._columns(inside, lefts)

    def _rows(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        at = places * self.down
        low = np.minimum(at.astype(int), len(self.total) - 2)
        part = (at - low)[:, None]
        return np.asarray((1 - part) * self.total[low] + part * self.total[low + 1])

    def _columns(self, rows: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
        at = places * self.across
        low = np.minimum(at.astype(int), rows.shape[1] - 2)
        part = at - low
        return np.asarray((1 - part) * rows[:, low] + part * rows[:, low + 1])
