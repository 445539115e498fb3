"""A candidate still and its measurements."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart_tools.models import Box, Face

from .colour import Colours

Embedding = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Still:
    """A candidate still.

    Attributes:
        id: "0012" for the picture of shot 12, "0012-2" for the second of a long shot.
        at: time in seconds.
        image: path relative to the folder.
        sharpness, motion: as in `shots`.
        embedding: of norm 1; None before the still was measured.
        objects: probability by class.
        calm: calm spaces for a title.
        checked: whether lettering and unsafe content were looked for, as they are before a selection.
        unsafe: probability of unsafe content; None if it is unknown.
        said, said_tags: dialogue near the still, and tags of its scene.
        refused: reason why it may not be selected; "" if it may.
        by_hand: whether a person decided that.
        tags_by_hand: whether a person wrote its tags.
        selected: rank in the selection, from 1; None if it is not selected.
    """

    id: str
    shot: int
    at: float
    frame: int
    image: str
    width: int
    height: int
    sharpness: float
    motion: float
    colours: Colours
    embedding: Embedding | None = field(default=None, repr=False, compare=False)
    objects: Mapping[str, float] = field(default_factory=dict)
    faces: tuple[Face, ...] = ()
    calm: tuple[Box, ...] = ()
    subject: Box | None = None
    checked: bool = False
    lettering: tuple[Box, ...] = ()
    unsafe: float | None = None
    tags: Mapping[str, float] = field(default_factory=dict)
    said: str = ""
    said_tags: Mapping[str, float] = field(default_factory=dict)
    refused: str = ""
    by_hand: bool = False
    tags_by_hand: bool = False
    selected: int | None = None

    @property
    def accepted(self) -> bool:
        """Return whether it may be selected."""
        return not self.refused

    @property
    def all_tags(self) -> dict[str, float]:
        """Return the tags of the picture and of the dialogue."""
        return {**self.said_tags, **self.tags}

    def to_json(self) -> dict[str, Any]:
        """Return plain values: the fields, `accepted`, and the single measures of the colours."""
        entry = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("colours", "embedding")}
        colours = self.colours
        return {
            **entry,
            "accepted": self.accepted,
            "faces": [{"box": face.box, "score": face.score} for face in self.faces],
            "tags": dict(self.tags),
            "objects": dict(self.objects),
            "said_tags": dict(self.said_tags),
            "brightness": colours.lightness,
            "contrast": colours.contrast,
            "chroma": colours.chroma,
            "warmth": colours.warmth,
            "palette": colours.palette,
            "embedding": None if self.embedding is None else _packed(self.embedding),
        }

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Still:
        """Read the result of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: the document is of another form.
        """
        rest = dict(entry)
        del rest["accepted"]
        palette = tuple((str(colour), float(share)) for colour, share in rest.pop("palette"))
        brightness, contrast = float(rest.pop("brightness")), float(rest.pop("contrast"))
        chroma, warmth = float(rest.pop("chroma")), float(rest.pop("warmth"))
        packed = rest.pop("embedding")
        rest["colours"] = Colours(brightness, contrast, chroma, warmth, palette)
        rest["embedding"] = None if packed is None else _unpacked(packed)
        rest["faces"] = tuple(Face(_box(face["box"]), float(face["score"])) for face in rest["faces"])
        rest["lettering"] = tuple(map(_box, rest["lettering"]))
        rest["calm"] = tuple(map(_box, rest["calm"]))
        rest["subject"] = None if rest["subject"] is None else _box(rest["subject"])
        return cls(**rest)


def _box(values: Any) -> Box:
    left, top, width, height = (float(value) for value in values)
    return left, top, width, height


def _packed(embedding: Embedding) -> str:
    """Encode float16 as base64: a tenth of the size of decimal numbers, and precise enough for a cosine of 0.9."""
    return base64.b64encode(embedding.astype("<f2").tobytes()).decode("ascii")


def _unpacked(text: str) -> Embedding:
    vector = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f2").astype(np.float32)
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm > 0 else vector
