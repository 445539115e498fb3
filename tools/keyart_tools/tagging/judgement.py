"""Refusal of stills that may not be selected, and the quality of each still."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .similarity import cosines, near_duplicates
from .still import Still
from .tags import MIN_COVERED_SHARE, area, ramp

MIN_LIGHTNESS = 0.15  # mean lightness below which nothing can be seen
MIN_CONTRAST = 0.03  # standard deviation of lightness
MIN_SHARPNESS = 20.0  # variance of the Laplacian on 640 pixels
CRISP = 400.0  # from which on sharper is no better
MAX_UNSAFE = 0.8  # probability
ROOM = 0.2  # share of the picture in its best calm space that is all a title needs


def judge(stills: Sequence[Still]) -> tuple[Still, ...]:
    """Return the stills, each with the reason for which it is refused, or ""; decisions of a person are kept.

    Among near-duplicates one still stays: one that a person accepted, or else the sharpest.
    """
    judged = [still if still.by_hand else replace(still, refused=_fault(still)) for still in stills]
    candidates = sorted(
        (place for place, still in enumerate(judged) if still.accepted and still.embedding is not None),
        key=lambda place: (not judged[place].by_hand, -judged[place].sharpness),
    )
    if candidates:
        vectors = np.array([judged[place].embedding for place in candidates])
        for gone, remaining in near_duplicates(cosines(vectors), range(len(candidates))).items():
            still = judged[candidates[gone]]
            if not still.by_hand:
                judged[candidates[gone]] = replace(
                    still, refused=f"near-duplicate of {judged[candidates[remaining]].id}"
                )
    return tuple(judged)


def _fault(still: Still) -> str:
    if still.colours.lightness < MIN_LIGHTNESS:
        return "black"
    if still.colours.contrast < MIN_CONTRAST:
        return "flat"
    if still.sharpness < MIN_SHARPNESS:
        return "blurred"
    if still.unsafe is not None and still.unsafe >= MAX_UNSAFE:
        return "unsafe"
    return "lettering" if area(still.lettering) >= MIN_COVERED_SHARE else ""


def quality(still: Still) -> float:
    """Return the mean of sharpness, exposure, space for a title and absence of text, 0–1."""
    light = still.colours.lightness
    return (
        ramp(math.log(max(still.sharpness, 1.0)), math.log(MIN_SHARPNESS), math.log(CRISP))
        + min(ramp(light, MIN_LIGHTNESS, 0.4), ramp(light, 0.95, 0.85))
        + ramp(max((area([box]) for box in still.calm), default=0.0), 0.0, ROOM)
        + 1.0
        - ramp(area(still.lettering), 0.0, MIN_COVERED_SHARE)
    ) / 4.0


def traits(stills: Sequence[Still]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the tags as inputs of the selection.

    Every kind of tag has the same total worth, shared among its tags, so that a hundred objects do not outweigh the
    palette. Lettering has no worth.

    Returns:
        Weights [stills, tags], at most 1, and the worth of each tag, [tags].
    """
    names = sorted({tag for still in stills for tag in still.tags if tag != "lettering"})
    kinds = [name.partition(":")[0] for name in names]
    weights = [[min(1.0, still.tags.get(name, 0.0)) for name in names] for still in stills]
    worth = [1.0 / (kinds.count(kind) * len(set(kinds))) for kind in kinds]
    return np.array(weights, dtype=np.float64).reshape(len(stills), len(names)), np.array(worth, dtype=np.float64)
