"""The models in the cache, each as a reader; a missing model is None, and named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .cache import default_folder, whole
from .expression import ExpressionReader
from .faces import FaceFinder
from .objects import ObjectReader
from .registry import MODELS
from .sentences import SentenceReader
from .session import Session
from .text_detector import TextDetector
from .unsafe import UnsafeReader


@dataclass(frozen=True, slots=True)
class Models:
    """The available readers.

    Attributes:
        missing: names of models that are missing or damaged.
        licences: licence by name of the available models.
    """

    missing: tuple[str, ...]
    licences: Mapping[str, str]
    faces: FaceFinder | None = None
    expression: ExpressionReader | None = None
    objects: ObjectReader | None = None
    lettering: TextDetector | None = None
    unsafe: UnsafeReader | None = None
    sentences: SentenceReader | None = None

    @classmethod
    def open(cls, folder: Path | None = None) -> Models:
        """Open the cached models without downloading; `folder` holds all models, None is the user's cache folder."""
        home = folder if folder is not None else default_folder()
        there = {name: Session(home / name) for name, model in MODELS.items() if whole(model, home)}
        return cls(
            missing=tuple(name for name in MODELS if name not in there),
            licences={name: MODELS[name].licence for name in there},
            faces=FaceFinder(there["faces"]) if "faces" in there else None,
            expression=ExpressionReader(there["expression"]) if "expression" in there else None,
            objects=ObjectReader(there["objects"]) if "objects" in there else None,
            lettering=TextDetector(there["lettering"]) if "lettering" in there else None,
            unsafe=UnsafeReader(there["unsafe"]) if "unsafe" in there else None,
            sentences=SentenceReader(there["sentences"]) if "sentences" in there else None,
        )
