"""Tables of which a device fills a few rows."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

HUGE_PAGES_FROM = 1 << 22  # bytes from which numpy asks the kernel for pages of 2 MB


def sparse_zeros(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return zeros that take memory page by page, as their rows are written.

    NumPy asks for huge pages for a large array. Then each of the few titles that a viewer is shown, a kilobyte, would
    take 2 MB, and a page of 40 titles of a large catalogue five times as long.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < HUGE_PAGES_FROM or not hasattr(mmap, "MAP_ANONYMOUS"):
        return np.zeros(shape, dtype=dtype)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, dtype=dtype).reshape(shape)
