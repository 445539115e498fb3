"""Facial expression: mini-Xception on FER-2013, its seven classes merged to three, since their borders are noise."""

from __future__ import annotations

import numpy as np

from .picture_types import Box, Picture
from .session import Session

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
MARGIN = 0.1  # of the face's longer side, on each side
_SIDE = 64


class ExpressionReader:
    """Reads the expression of a face."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read(self, picture: Picture, box: Box) -> dict[str, float]:
        """Return probabilities of "happy", "neutral" and "intense" (the other five classes), with sum 1.

        The model is noisy: a probability below 0.6 means little.
        """
        import cv2

        height, width = picture.shape[:2]
        half = max(box[2] * width, box[3] * height) * (0.5 + MARGIN)
        x, y = (box[0] + box[2] / 2) * width, (box[1] + box[3] / 2) * height
        left, right = max(0, min(width - 1, int(x - half))), min(width, int(x + half) + 1)
        top, bottom = max(0, min(height - 1, int(y - half))), min(height, int(y + half) + 1)
        face = cv2.cvtColor(picture[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
        face = cv2.resize(face, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        (probability,) = self._session.run((face / 127.5 - 1).astype(np.float32)[None, None])
        named = dict(zip(CLASSES, probability[0].tolist(), strict=True))
        happy, neutral = named["happy"], named["neutral"]
        return {"happy": happy, "neutral": neutral, "intense": sum(named.values()) - happy - neutral}
