"""Measurement of a still by models and by our own measures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from keyart.errors import CatalogError
from keyart_tools.models import Models, Picture

from .composition import calm_spaces, edges, subject
from .similarity import colour_layout
from .still import Still
from .tags import MAX_OBJECTS, MIN_COVERED_SHARE, MIN_OBJECT_PROBABILITY, area, tags_of

SEEN_SIDE = 640  # pixels that the longer side keeps at least, when a still is read
FACES_SIDE = 320  # on which faces are looked for: smaller ones than it shows make no artwork, and it takes a quarter


def read_picture(path: Path, longer: int) -> Picture:
    """Read a still at 1/2, 1/4 or 1/8 of its size if `SEEN_SIDE` of its `longer` side in pixels remain.

    Raises:
        CatalogError: the file is missing or damaged.
    """
    reduced = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
    flag = next((flag for by, flag in reduced.items() if longer // by >= SEEN_SIDE), cv2.IMREAD_COLOR)
    picture = cv2.imread(str(path), flag)
    if picture is None:
        raise CatalogError(f"{path} is missing or damaged; remove the folder above it, and tag the film again.")
    return np.ascontiguousarray(picture[..., ::-1])


def measure(still: Still, picture: Picture, models: Models) -> Still:
    """Add embedding, objects, faces, composition and tags; tags set by a person are kept."""
    embedding, objects = colour_layout(picture), {}
    if models.objects is not None:
        (embedding,), (probability,) = models.objects.read([picture])
        best = [int(n) for n in np.argsort(-probability)[:MAX_OBJECTS] if probability[n] >= MIN_OBJECT_PROBABILITY]
        objects = {models.objects.names[n]: round(float(probability[n]), 3) for n in best}
    faces = tuple(models.faces.sized(FACES_SIDE).find(picture)) if models.faces else ()
    expressions = [models.expression.read(picture, face.box) for face in faces] if models.expression else []
    boxes = [face.box for face in faces]
    eye = subject(picture, boxes)
    calm = calm_spaces(edges(picture), [*boxes, *([eye] if eye else [])])
    tags = tags_of(still.colours, still.motion, faces if models.faces else None, expressions, objects, calm)
    return replace(
        still,
        embedding=embedding,
        objects=objects,
        faces=faces,
        subject=eye,
        calm=calm,
        checked=False,
        tags=still.tags if still.tags_by_hand else tags,
    )


def check(still: Still, picture: Picture, models: Models) -> Still:
    """Detect what excludes a still: lettering, which also leaves less calm space, and unsafe content."""
    lettering = tuple(models.lettering.find(picture)) if models.lettering else ()
    calm, tags = still.calm, still.tags
    if lettering:
        eye = [still.subject] if still.subject else []
        calm = calm_spaces(edges(picture), [*(face.box for face in still.faces), *eye, *lettering])
        if not still.tags_by_hand:
            tags = {**tags, "lettering": round(min(1.0, area(lettering) / MIN_COVERED_SHARE), 2)}
    return replace(
        still,
        checked=True,
        lettering=lettering,
        calm=calm,
        unsafe=models.unsafe.probability(picture) if models.unsafe else None,
        tags=tags,
    )
