"""Similarity of pictures, and removal of near-duplicates.

Pictures are compared by embedding or, without a model, by colour layout: the mean OKLab colour of 8 × 8 cells minus
the mean of the picture, after MPEG-7's colour layout (ISO/IEC 15938-3).
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
    """Return the colour layout [192], of norm 1; zeros for an even picture."""
    layout = oklab(np.asarray(cv2.resize(picture, (CELLS, CELLS), interpolation=cv2.INTER_AREA), dtype=np.uint8))
    vector = (layout - layout.mean(axis=(0, 1))).ravel()
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm > 1e-6 else np.zeros_like(vector)


def cosines(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Return [n, n], 0–1: opposite pictures are as dissimilar as unrelated ones."""
    wide = vectors.astype(np.float64)
    return np.clip(wide @ wide.T, 0.0, 1.0)


def near_duplicates(cosine: npt.NDArray[np.float64], order: Sequence[int]) -> dict[int, int]:
    """Return the pictures to remove, each with the one that stays; pictures earlier in `order` take precedence."""
    remaining: list[int] = []
    gone: dict[int, int] = {}
    for picture in order:
        nearest = max(remaining, key=lambda other: cosine[picture, other], default=None)
        if nearest is not None and cosine[picture, nearest] > MIN_DUPLICATE_COSINE:
            gone[picture] = nearest
        else:
            remaining.append(picture)
    return gone
