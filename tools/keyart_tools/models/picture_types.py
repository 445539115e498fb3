"""Pictures and boxes: the types that the readers share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]  # RGB, [height, width, 3]
Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, width, height, as shares of the picture


def linear_light(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert sRGB values, 0–1, to linear light (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def relative_box(left: float, top: float, right: float, bottom: float, width: float, height: float) -> Box:
    """Return the box between two corners, clipped to a picture of width × height."""
    left, right = max(0.0, left), min(float(width), right)
    top, bottom = max(0.0, top), min(float(height), bottom)
    return left / width, top / height, max(0.0, right - left) / width, max(0.0, bottom - top) / height
