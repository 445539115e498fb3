"""Probability that a picture is unsafe for work: open_nsfw (Yahoo, 2016)."""

from __future__ import annotations

from io import BytesIO

import numpy as np

from .picture_types import Picture
from .session import Session

_RESIZED, _SIDE = 256, 224
_MEAN_BGR = np.array([104, 117, 123], dtype=np.float32)  # of the pictures it was trained on


class UnsafeReader:
    """Estimates how likely a picture is unsafe for work."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def probability(self, picture: Picture) -> float:
        """Return the probability, 0–1.

        The model is sensitive to edges and borders, so a picture is prepared like its training data: resized,
        cropped, and compressed as JPEG once (without that, a logo of 0.04 got 0.22).
        """
        from PIL import Image

        edge = (_RESIZED - _SIDE) // 2
        resized = Image.fromarray(picture).resize((_RESIZED, _RESIZED), Image.Resampling.BILINEAR)
        file = BytesIO()
        resized.crop((edge, edge, edge + _SIDE, edge + _SIDE)).save(file, "JPEG")
        seen = np.asarray(Image.open(file))[..., ::-1].astype(np.float32)
        (answer,) = self._session.run((seen - _MEAN_BGR)[None])
        return float(answer[0, 1])
