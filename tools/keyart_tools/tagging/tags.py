"""Conversion of a still's measurements to keyart tags. Weights rise linearly between two bounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from keyart.catalog import kind_of
from keyart_tools.models import Box, Face
from keyart_tools.vocabulary import tag_of

from .colour import Colours

CLOSE_UP, MEDIUM = 0.33, 0.15  # height of the largest face, as a share of the picture's, from which on it is one
ENSEMBLE = 3  # faces
EMPTY_CALM = 0.4  # share of the picture in calm spaces, from which on one without a face is empty
STILL_MOTION, FAST_MOTION = 0.003, 0.025  # mean change of a colour between frames
MIN_MOOD_PROBABILITY = 0.6  # probability below which an expression is nobody's mood
MIN_OBJECT_PROBABILITY = 0.3
MAX_OBJECTS = 3
MIN_COVERED_SHARE = 0.02  # share of the picture under burnt-in text that makes it a picture of titles or credits

LOOK_KINDS = frozenset({"palette", "contrast", "motion", "mood"})  # that a title has from its pictures
MIN_LOOK_WEIGHT = 0.05

# tag: of the measure, (where it begins, where it weighs 1)
PALETTE = {
    "palette:warm": ("warmth", 0.01, 0.05),
    "palette:cool": ("warmth", -0.01, -0.05),
    "palette:dark": ("lightness", 0.45, 0.25),
    "palette:bright": ("lightness", 0.65, 0.85),
    "palette:muted": ("chroma", 0.05, 0.02),
    "palette:vivid": ("chroma", 0.07, 0.13),
    "contrast:low": ("contrast", 0.13, 0.07),
    "contrast:high": ("contrast", 0.17, 0.27),
}


def ramp(value: float, begins: float, full: float) -> float:
    """Return 0 at `begins` and before, 1 at `full` and beyond; `full` may lie on either side."""
    return min(1.0, max(0.0, (value - begins) / (full - begins)))


def tags_of(
    colours: Colours,
    motion: float,
    faces: Sequence[Face] | None,
    expressions: Sequence[Mapping[str, float]],
    objects: Mapping[str, float],
    calm: Sequence[Box],
) -> dict[str, float]:
    """Return tags with weights from 0 to 1.

    Args:
        colours: colour measures.
        motion: motion, as in `ShotSegment`.
        faces: detected faces; None if no model looked for them.
        expressions: probabilities for each face.
        objects: probability by class.
        calm: calm spaces.
    """
    tags = {tag: ramp(getattr(colours, name), begins, full) for tag, (name, begins, full) in PALETTE.items()}
    tags["motion:" + ("still" if motion < STILL_MOTION else "fast" if motion >= FAST_MOTION else "calm")] = 1.0
    if faces is not None:
        tags["faces"] = min(1.0, sum(face.box[3] for face in faces))
        if shot := shot_size(faces, calm):
            tags[f"shot:{shot}"] = 1.0
    for expression in expressions:
        for mood, probability in expression.items():
            if probability >= MIN_MOOD_PROBABILITY:
                tags[f"mood:{mood}"] = max(probability, tags.get(f"mood:{mood}", 0.0))
    for name, probability in objects.items():
        if tag := tag_of("object", name):
            tags[tag] = probability
    rounded = {tag: round(weight, 2) for tag, weight in tags.items()}
    return {tag: weight for tag, weight in rounded.items() if weight > 0}


def look_of(pictures: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the look of a title: the mean weights of its pictures' palettes, contrasts, motions and moods.

    So titles and pictures share more than genres, and a taste for dark films can become one for dark pictures.

    Args:
        pictures: Tags of each picture.
    """
    sums: dict[str, float] = defaultdict(float)
    count = 0
    for tags in pictures:
        count += 1
        for tag, weight in tags.items():
            if kind_of(tag) in LOOK_KINDS:
                sums[tag] += weight
    means = {tag: round(weight / count, 2) for tag, weight in sorted(sums.items())}
    return {tag: weight for tag, weight in means.items() if weight >= MIN_LOOK_WEIGHT}


def with_look(title_tags: Mapping[str, float], look: Mapping[str, float]) -> dict[str, float]:
    """Return a title's tags with its look, except for kinds that the title has of its own."""
    kinds = {kind_of(tag) for tag in title_tags}
    return {**title_tags, **{tag: weight for tag, weight in look.items() if kind_of(tag) not in kinds}}


def shot_size(faces: Sequence[Face], calm: Sequence[Box]) -> str:
    """Return the shot size by the largest face, after the terms of cinematography.

    Without a face, it is "empty" if the picture is mostly calm, and else "": an animal's close-up is not recognised.
    """
    if not faces:
        return "empty" if area(calm) >= EMPTY_CALM else ""
    largest = max(face.box[3] for face in faces)
    if largest >= CLOSE_UP:
        return "close-up"
    if len(faces) >= ENSEMBLE:
        return "ensemble"
    return "medium" if largest >= MEDIUM else "wide"


def area(boxes: Sequence[Box]) -> float:
    """Return the total area of disjoint boxes, as a share of the picture."""
    return sum(width * height for _, _, width, height in boxes)
