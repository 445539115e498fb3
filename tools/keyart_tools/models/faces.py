"""Face detection: CenterFace (Y. Xu, W. Yan, H. Sun, G. Yang, J. Luo, arXiv:1911.03599)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .picture_types import Box, Picture, relative_box
from .session import Session

SIDE = 640  # pixels of the longer side that the model sees
MIN_SCORE = 0.5
MAX_OVERLAP = 0.3  # intersection over union from which two boxes are one face
_STEP, _MULTIPLE = 4, 32  # pixels of a cell of the heat map; of the sides that the model takes


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face: its box (left, top, width, height, as shares of the picture) and its score, 0–1."""

    box: Box
    score: float


class FaceFinder:
    """Finds faces on a copy of the picture with `side` pixels."""

    def __init__(self, session: Session, side: int = SIDE) -> None:
        self._session, self._side = session, side

    def sized(self, side: int) -> FaceFinder:
        """Return the same model on pictures of `side` pixels; fewer pixels are faster and hide small faces."""
        return FaceFinder(self._session, side)

    def find(self, picture: Picture, least: float = MIN_SCORE) -> list[Face]:
        """Return the faces with a score of at least `least`, highest score first."""
        import cv2

        scale = self._side / max(picture.shape[:2])
        height, width = (max(1, round(side * scale / _MULTIPLE)) * _MULTIPLE for side in picture.shape[:2])
        seen = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        heat, size, offset, _ = self._session.run(seen.transpose(2, 0, 1)[None].astype(np.float32))
        rows, columns = np.nonzero(heat[0, 0] >= least)
        scores = heat[0, 0, rows, columns]
        heights, widths = np.exp(size[0, :, rows, columns].T) * _STEP
        down, right = offset[0, :, rows, columns].T
        middle_x, middle_y = (columns + right + 0.5) * _STEP, (rows + down + 0.5) * _STEP
        lefts, tops = middle_x - widths / 2, middle_y - heights / 2
        boxes = np.stack([lefts, tops, widths, heights], axis=1)
        places = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), least, MAX_OVERLAP) if len(boxes) else []
        return [
            Face(relative_box(left, top, left + wide, top + high, width, height), float(scores[n]))
            for n in places
            for left, top, wide, high in (boxes[n].tolist(),)
        ]
