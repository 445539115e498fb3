"""Detection of burnt-in text: the detector of PP-OCRv4.

The model returns a map of text probability, in which text appears slightly smaller than it is (M. Liao et al.,
"Real-time Scene Text Detection with Differentiable Binarization", AAAI 2020; its defaults are below).
"""

from __future__ import annotations

import numpy as np

from .picture_types import Box, Picture, relative_box
from .session import Session

SIDE = 736  # pixels of the longer side that the model sees
MIN_PIXEL_PROBABILITY, MIN_LINE_PROBABILITY = 0.3, 0.6  # least probability of a pixel, and of a line in the mean
MIN_ELONGATION = 2.5  # least length ÷ height of a line: what is rounder is mostly an eye, a moon, a lamp
UNCLIP = 1.6  # a line is drawn smaller by area × (1.6 ÷ perimeter) on each side
_MIN_LINE_HEIGHT, _MULTIPLE = 3, 32  # pixels of a line's height; of the sides that the model takes


class TextDetector:
    """Finds lines of text on a copy of the picture with `side` pixels."""

    def __init__(self, session: Session, side: int = SIDE) -> None:
        self._session, self._side = session, side

    def find(self, picture: Picture) -> list[Box]:
        """Return boxes around lines of text, largest first."""
        import cv2

        scale = self._side / max(picture.shape[:2])
        height, width = (max(1, round(side * scale / _MULTIPLE)) * _MULTIPLE for side in picture.shape[:2])
        seen = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        (answer,) = self._session.run((seen.transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32))
        likely = answer[0, 0]
        outlines, _ = cv2.findContours(
            (likely > MIN_PIXEL_PROBABILITY).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )
        boxes = []
        for outline in outlines:
            _, sides, _ = cv2.minAreaRect(outline)
            if min(sides) < _MIN_LINE_HEIGHT or max(sides) < MIN_ELONGATION * min(sides):
                continue
            left, top, wide, high = cv2.boundingRect(outline)
            inside = cv2.drawContours(np.zeros((high, wide), np.uint8), [outline], 0, 1, -1, offset=(-left, -top))
            if cv2.mean(likely[top : top + high, left : left + wide], inside)[0] < MIN_LINE_PROBABILITY:
                continue
            grow = UNCLIP * sides[0] * sides[1] / (2 * (sides[0] + sides[1]))
            boxes.append(relative_box(left - grow, top - grow, left + wide + grow, top + high + grow, width, height))
        return sorted(boxes, key=lambda box: -box[2] * box[3])
