"""A Gaussian blur that stays fast for wide kernels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_SIGMA = 3.0  # of what is blurred: below, shrinking would show


def blurred(image: NDArray[np.generic], sigma: float) -> NDArray[np.float32]:
    """Blur `image` [height, width(, 3)] with standard deviation `sigma` in pixels; returns float32.

    The blur works on a copy shrunk by an integer factor: a wide Gaussian leaves no detail that the copy lacks.
    """
    height, width = image.shape[:2]
    factor = max(1, int(sigma / MIN_SIGMA))
    small = cv2.resize(
        image.astype(np.float32), (-(-width // factor), -(-height // factor)), interpolation=cv2.INTER_AREA
    )
    soft = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
