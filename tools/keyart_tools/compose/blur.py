"""A Gaussian blur that stays quick when it is wide."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_SIGMA = 3.0  # of what is blurred: below, shrinking would show


def blurred(image: NDArray[np.generic], sigma: float) -> NDArray[np.float32]:
    """`image` [height, width(, 3)] as float32, blurred with deviation `sigma` in pixels.

    Blurred on a copy shrunk by a whole factor: a wide Gaussian leaves no detail that the copy lacks.
    """
    height, width = image.shape[:2]
    factor = max(1, int(sigma / MIN_SIGMA))
    small = cv2.resize(
        image.astype(np.float32), (-(-width // factor), -(-height // factor)), interpolation=cv2.INTER_AREA
    )
    soft = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
