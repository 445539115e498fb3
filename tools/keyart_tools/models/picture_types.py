"""Pictures and boxes: the types that the readers share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]  # RGB, [height, width, 3]
Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, width, height, as shares of the picture


def relative_box(left: float, top: float, right: float, bottom: float, width: float, height: float) -> Box:
    """Return the box between two corners, clipped to a picture of width × height."""
    left, right = max(0.0, left), min(float(width), right)
    top, bottom = max(0.0, top), min(float(height), bottom)
    return left / width, top / height, max(0.0, right - left) / width, max(0.0, bottom - top) / height
