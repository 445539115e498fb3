"""Objects in a picture, and similarity of pictures: EfficientNet-Lite0 on ImageNet-1k."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from .picture_types import Floats, Picture
from .session import Session

NAMES = "imagenet1k_clean_names.json"
_SIDE, _WIDTH, _CLASSES = 224, 1280, 1000


class ObjectReader:
    """Recognises objects and embeds pictures."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names of the 1,000 classes."""
        return tuple(json.loads((self._session.home / NAMES).read_text(encoding="utf-8")))

    def read(self, pictures: Sequence[Picture]) -> tuple[Floats, Floats]:
        """Return embeddings [n, 1280], each of norm 1, and probabilities [n, 1000] of `names`.

        The whole picture is squeezed into a square, so that the edges of a wide still count.
        """
        import cv2

        embeddings = np.zeros((len(pictures), _WIDTH), dtype=np.float32)
        probabilities = np.zeros((len(pictures), _CLASSES), dtype=np.float32)
        for n, picture in enumerate(pictures):
            seen = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
            square = (seen.transpose(2, 0, 1)[None].astype(np.float32) - 127) / 128
            (embedding,), (probabilities[n],) = self._session.run(square)
            embeddings[n] = embedding / max(float(np.linalg.norm(embedding)), 1e-12)
        return embeddings, probabilities
