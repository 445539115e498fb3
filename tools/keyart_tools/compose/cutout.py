"""Cut-out of a picture's subject, and a test of whether the cut is good enough to show.

GrabCut (Rother, Kolmogorov, Blake: SIGGRAPH 2004) runs on a small copy, seeded by faces or attention. For attention,
several thresholds are tried, and the mask that changes least between thresholds is kept: stable regions are objects,
as in maximally stable extremal regions (Matas et al., BMVC 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from keyart.errors import InputError

from .attention import Box, attention_map
from .matte import soft_edge, without_spill
from .picture_file import Picture, Pixels

Mask = NDArray[np.uint8]  # 0 or 1, [rows, columns]

WORK_SIDE = 240  # pixels of the long side for GrabCut; its time grows with the area
ITERATIONS = 3
THRESHOLDS = (1.4, 1.15, 0.95, 0.75)  # times Otsu's
BODIES = (0.0, 0.06)  # margins around the body that a face stands on
MIN_SHARE, MAX_SHARE = 0.07, 0.6  # of the picture that is subject
MIN_ATTENTION = 0.2  # somewhere; else nothing differs from the borders
MIN_CONNECTED_SHARE = 0.9  # of the subject in its largest piece
# Of a person found by her face, and of what attention alone takes for a subject: scenery can stand out, too.
MIN_AGREEMENT = (0.8, 0.95)  # overlap of two masks from neighbouring seeds
MIN_EDGE = (25.0, 34.0)  # colour step across the outline, in CIELAB units
MAX_LEAK = 0.06  # of the outline where the seed left no choice, and colours did not decide
MIN_SOLIDITY = 0.66  # of its convex hull: what reaches out further is ragged, or is scenery caught with it


@dataclass(frozen=True, slots=True)
class CutoutQuality:
    """Quality measures of a cut; the constants of this file are their bounds.

    Attributes:
        share: share of the picture that is subject, 0–1.
        whole: share of the subject in its largest connected piece, 0–1.
        agreement: intersection over union of the masks from two neighbouring seeds.
        leak: share of the outline that the seed decided and colours did not, 0–1.
        solid: share of the convex hull that is subject, 0–1.
        edge: colour step across the outline, in CIELAB units.
        touches: edges of the picture that the subject touches.
        by_face: whether it contains a face that a model detected.
    """

    share: float
    whole: float
    agreement: float
    leak: float
    solid: float
    edge: float
    touches: frozenset[str]
    by_face: bool

    def fault(self) -> str:
        """Return why the cut should not be shown; "" if it may be."""
        agreement, edge = MIN_AGREEMENT[not self.by_face], MIN_EDGE[not self.by_face]
        hangs = "top" in self.touches and "bottom" not in self.touches
        faults = {
            f"the subject is too small ({self.share:.0%} of the picture)": self.share < MIN_SHARE,
            f"the subject is too large ({self.share:.0%} of the picture)": self.share > MAX_SHARE,
            "the subject runs out of the picture": {"left", "right"} <= self.touches
            or len(self.touches) > 2
            or hangs,
            f"the subject falls into pieces (the largest is {self.whole:.0%} of it)": self.whole
            < MIN_CONNECTED_SHARE,
            "subject and background are too alike": self.agreement < agreement or self.leak > MAX_LEAK,
            f"the outline is ragged (it fills {self.solid:.0%} of its hull)": self.solid < MIN_SOLIDITY,
            f"the outline is hardly visible (a colour step of {self.edge:.0f})": self.edge < edge,
        }
        return next((fault for fault, there in faults.items() if there), "")


NOTHING = CutoutQuality(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, frozenset(), False)


@dataclass(frozen=True, slots=True)
class Cutout:
    """The subject, cropped to `box`.

    Attributes:
        alpha: float32 [height, width], 0–1.
        touches: edges of the source picture that cut the subject.
    """

    pixels: Pixels = field(repr=False)
    alpha: NDArray[np.float32] = field(repr=False)
    box: Box
    touches: frozenset[str]


def cut_out(picture: Picture, faces: Sequence[Box] = ()) -> Cutout:
    """Cut out the subject of `picture`: the person with the largest face, or the region with the most attention.

    A picture with transparency is used as its own cut-out.

    Raises:
        InputError: the cut is not good enough.
    """
    if picture.alpha is not None:
        return _cropped(picture.pixels, np.asarray(picture.alpha / 255, np.float32))
    mask, measures = find_mask(picture.pixels)
    if faces:
        measures = replace(measures, by_face=_holds(mask, _largest(faces)))
        if not measures.by_face or measures.fault():
            mask, measures = find_mask(picture.pixels, faces)
    if fault := measures.fault():
        raise InputError(
            f"{picture.name}: no clean cut-out, {fault}. Take a picture with one whole subject that stands out from "
            "its background, or a PNG whose background is transparent already."
        )
    alpha = soft_edge(picture.pixels, mask)
    return _cropped(without_spill(picture.pixels, alpha), alpha)


def find_mask(pixels: Pixels, faces: Sequence[Box] = ()) -> tuple[Mask, CutoutQuality]:
    """Return the subject's mask on a small copy, and its quality."""
    height, width = pixels.shape[:2]
    shrink = min(1.0, WORK_SIDE / max(height, width))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    seeds = _face_seeds(faces, size) if faces else _attention_seeds(pixels, size)
    cuts = [(_grabbed(small, seed), seed) for seed in seeds]
    best = max(pairwise(cuts), key=lambda pair: _agreement(pair[0][0], pair[1][0]), default=None)
    if best is None:
        return np.zeros(size[::-1], np.uint8), NOTHING
    (mask, seed), (other, _) = best
    return _measured(mask, seed, small, _agreement(mask, other), bool(faces))


def _attention_seeds(pixels: Pixels, size: tuple[int, int]) -> list[Mask]:
    """Return GrabCut labels for each threshold; the strongest region is probable subject."""
    attention = cv2.GaussianBlur(cv2.resize(attention_map(pixels), size), (0, 0), 3)
    levels = (255 * attention / max(float(attention.max()), 1e-6)).astype(np.uint8)
    if attention.max() < MIN_ATTENTION:
        return []
    otsu, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    seeds = []
    for times in THRESHOLDS:
        count, regions, stats, _ = cv2.connectedComponentsWithStats((levels > times * otsu).astype(np.uint8))
        if count < 2:
            continue
        region = 1 + int(np.argmax([attention[regions == i].sum() for i in range(1, count)]))
        inside = regions == region
        left, top, width, height = stats[region, :4]
        box = _grown((left / size[0], top / size[1], width / size[0], height / size[1]), 0.12)
        labels = np.full(size[::-1], cv2.GC_BGD, np.uint8)
        labels[_window(box, size)] = cv2.GC_PR_BGD
        labels[inside] = cv2.GC_PR_FGD
        depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
        labels[depth > 0.5 * depth.max()] = cv2.GC_FGD
        seeds.append(_with_background(labels))
    return seeds


def _face_seeds(faces: Sequence[Box], size: tuple[int, int]) -> list[Mask]:
    """Return GrabCut labels of the person with the largest face: face and chest are subject, the sides are not."""
    face = _largest(faces)
    left, top, width, height = face
    chest = top + 1.5 * height
    body = _clipped(left - 1.8 * width, top - 0.6 * height, left + 2.8 * width, 1.0)
    seeds = []
    for margin in BODIES:
        labels = np.full(size[::-1], cv2.GC_BGD, np.uint8)
        labels[_window(_grown(body, margin), size)] = cv2.GC_PR_FGD
        for beside in (left - 1.8 * width, left + 1.4 * width):
            labels[_window(_clipped(beside, 0.0, beside + 1.4 * width, top + 0.9 * height), size)] = cv2.GC_PR_BGD
        labels[_window(_grown(face, -0.15), size)] = cv2.GC_FGD
        if chest < 1:
            labels[_window(_clipped(left - 0.2 * width, chest, left + 1.2 * width, chest + height), size)] = (
                cv2.GC_FGD
            )
        seeds.append(_with_background(labels))
    return seeds


def _with_background(labels: Mask) -> Mask:
    """Label the upper edge as background if nothing else is, since GrabCut needs a sure background."""
    if not (labels == cv2.GC_BGD).any():
        labels[: max(2, len(labels) // 40)] = cv2.GC_BGD
    return labels


def _grabbed(small: Pixels, seed: Mask) -> Mask:
    labels = seed.copy()
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its colour models start from k-means
    cv2.grabCut(small, labels, None, *models, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    foreground = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(foreground, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)


def _largest(faces: Sequence[Box]) -> Box:
    return max(faces, key=lambda box: box[2] * box[3])


def _holds(mask: Mask, face: Box) -> bool:
    """Return whether most of the face is subject."""
    return float(mask[_window(face, (mask.shape[1], mask.shape[0]))].mean()) > 0.5


def _agreement(first: Mask, second: Mask) -> float:
    """Return the intersection over union of two masks."""
    return float(np.count_nonzero(first & second)) / max(1, int(np.count_nonzero(first | second)))


def _measured(mask: Mask, seed: Mask, small: Pixels, agreement: float, by_face: bool) -> tuple[Mask, CutoutQuality]:
    """Return the largest piece and its quality."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return mask, NOTHING
    areas = stats[1:, cv2.CC_STAT_AREA]
    piece = (pieces == 1 + int(areas.argmax())).astype(np.uint8)
    outlines, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len)
    across, down = outline[:, 0].T
    beyond = cv2.dilate((seed == cv2.GC_BGD).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    within = (across > 1) & (across < mask.shape[1] - 2) & (down > 1) & (down < mask.shape[0] - 2)
    area = float(piece.sum())
    return piece, CutoutQuality(
        share=area / mask.size,
        whole=float(areas.max()) / float(areas.sum()),
        agreement=agreement,
        leak=float(((beyond | (seed == cv2.GC_FGD))[down, across] & within).mean()),
        solid=area / max(float(cv2.contourArea(cv2.convexHull(outline))), area),
        edge=_edge_step(piece, small),
        touches=_touched(piece > 0),
        by_face=by_face,
    )


def _edge_step(piece: Mask, small: Pixels, reach: int = 4) -> float:
    """Return the median over the outline of the distance between mean colours just inside and just outside."""
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    size = (2 * reach + 1, 2 * reach + 1)
    weight = piece.astype(np.float32)
    inside, outside = cv2.blur(weight, size), cv2.blur(1 - weight, size)
    within = cv2.blur(lab * weight[..., None], size) / np.maximum(inside, 1e-3)[..., None]
    beyond = cv2.blur(lab * (1 - weight)[..., None], size) / np.maximum(outside, 1e-3)[..., None]
    ring = cv2.morphologyEx(piece, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    ring &= (inside > 0.1) & (outside > 0.1)
    return float(np.median(np.linalg.norm(within - beyond, axis=2)[ring])) if ring.any() else 0.0


def _touched(inside: NDArray[np.bool_]) -> frozenset[str]:
    near = max(1, round(0.006 * max(inside.shape)))  # GrabCut leaves the outermost pixels to the background at times
    edges = {"left": inside[:, :near], "top": inside[:near], "right": inside[:, -near:], "bottom": inside[-near:]}
    return frozenset(side for side, strip in edges.items() if strip.any())


def _cropped(pixels: Pixels, alpha: NDArray[np.float32]) -> Cutout:
    height, width = alpha.shape
    inside = alpha > 0.05
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not rows.size:
        raise InputError("The picture is transparent all over; give one with a subject.")
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return Cutout(
        np.ascontiguousarray(pixels[top:bottom, left:right]),
        np.ascontiguousarray(alpha[top:bottom, left:right]),
        (left / width, top / height, (right - left) / width, (bottom - top) / height),
        _touched(inside),
    )


def _grown(box: Box, by: float) -> Box:
    """Return `box` with margins of `by` times its size on each side."""
    left, top, width, height = box
    return _clipped(left - by * width, top - by * height, left + (1 + by) * width, top + (1 + by) * height)


def _clipped(left: float, top: float, right: float, bottom: float) -> Box:
    left, top = min(1.0, max(0.0, left)), min(1.0, max(0.0, top))
    return left, top, max(0.0, min(1.0, right) - left), max(0.0, min(1.0, bottom) - top)


def _window(box: Box, size: tuple[int, int]) -> tuple[slice, slice]:
    left, top, width, height = box
    columns, rows = size
    return (
        slice(round(top * rows), round((top + height) * rows)),
        slice(round(left * columns), round((left + width) * columns)),
    )
