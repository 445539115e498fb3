"""How alike pictures are, and which of those that are too alike stay.

A picture is compared by its embedding. Without a model for it, by its layout of colours: the mean OKLab of 8 × 8
cells, less the mean of the picture, the idea of MPEG-7's colour layout (ISO/IEC 15938-3).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from keyart_tools.models import Picture

from .colour import oklab

Vectors = npt.NDArray[np.float32]  # [pictures, length], each of norm 1

MIN_DUPLICATE_COSINE = 0.9  # cosine above which of two pictures one goes
CELLS = 8


def colour_layout(picture: Picture) -> npt.NDArray[np.float32]:
    """[192] of norm 1; all zero for an even picture."""
    layout = oklab(np.asarray(cv2.resize(picture, (CELLS, CELLS), interpolation=cv2.INTER_AREA), dtype=np.uint8))
    vector = (layout - layout.mean(axis=(0, 1))).ravel()
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm > 1e-6 else np.zeros_like(vector)


def cosines(vectors: Vectors) -> npt.NDArray[np.float64]:
    """[n, n], from 0 to 1: opposite pictures are no more unlike than unrelated ones."""
    wide = vectors.astype(np.float64)
    return np.clip(wide @ wide.T, 0.0, 1.0)


def near_duplicates(cosine: npt.NDArray[np.float64], order: Sequence[int]) -> dict[int, int]:
    """Which pictures go, each with the one that stays in its place; pictures earlier in `order` stay before later."""
    kept: list[int] = []
    gone: dict[int, int] = {}
    for picture in order:
        nearest = max(kept, key=lambda other: cosine[picture, other], default=None)
        if nearest is not None and cosine[picture, nearest] > MIN_DUPLICATE_COSINE:
            gone[picture] = nearest
        else:
            kept.append(picture)
    return gone
