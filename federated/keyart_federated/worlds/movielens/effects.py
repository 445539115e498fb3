"""The equations of the MovieLens world: effects of a hidden taste, a device, an hour and a promise on the two logits.

    play = intercept + .40 G_ia + .25 P_ia + .30 O_ia + .40 M_it + .15 ε_a
           + looks_a · (device + daypart) + slot
    keep = intercept + .50 M_it + .10 ε'_a − .90 [clickbait]

G: taste for the genre that the artwork shows; P: for the star; O: the viewer's own taste for shots, palettes, moods
and faces, which nothing in the data shows; each less its mean over the title's artworks and scaled to standard
deviation 1. M: how well the title suits (`Tastes.title`). ε: standard normal numbers. All weights are in logits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from keyart.context import DAYPARTS

from ...types import Doubles, Floats, Integers
from ..response import Logits
from ..table_world import DEVICES, SLOTS
from .film_artworks import LOOKS, FilmArtworks
from .tastes import Tastes

GENRE, STAR, OWN, TITLE, APPEAL = 0.40, 0.25, 0.30, 0.40, 0.15
KEEP_TITLE, KEEP_APPEAL, CLICKBAIT_PENALTY = 0.50, 0.10, 0.90
SLOT_EFFECT = tuple(-0.2 * math.log1p(slot) for slot in range(SLOTS))
# A small screen wants one face and strong, warm colours; a large one carries groups and wide views.
DEVICE_EFFECT = {
    "phone": {
        "shot:close-up": 0.25,
        "shot:ensemble": -0.15,
        "shot:wide": -0.2,
        "palette:warm": 0.15,
        "faces": -0.1,
    },
    "tv": {"shot:close-up": -0.1, "shot:ensemble": 0.15, "shot:wide": 0.2},
    "tablet": {"shot:close-up": 0.1, "shot:wide": -0.1, "palette:warm": 0.05},
}
DAYPART_EFFECT = {
    "morning": {"mood:thoughtful": 0.15},
    "afternoon": {"mood:intense": 0.1},
    "evening": {"mood:intense": 0.15},
    "night": {"mood:thoughtful": 0.1},
}
_ROWS = 100  # viewers worked on at a time, so that no intermediate table is as large as the result
_SCALE_VIEWERS = 200


def logits_of(tastes: Tastes, pictures: FilmArtworks, bounds: Sequence[tuple[int, int]], seed: int) -> Logits:
    """Return both logits without their intercepts."""
    viewers, count = len(tastes.genre), len(pictures.star)
    rng = np.random.default_rng([seed, 30])
    appeal, keep_appeal = rng.standard_normal((2, count))
    own: Floats = np.random.default_rng([seed, 31]).standard_normal((viewers, len(LOOKS))).astype(np.float32)
    genre: Floats = tastes.genre.astype(np.float32)
    # The last column, which index -1 reaches, is for pictures that show nobody.
    star: Floats = np.pad(tastes.person, ((0, 0), (0, 1))).astype(np.float32)
    starts = np.array([first for first, _ in bounds])
    counts = np.array([last - first for first, last in bounds])

    def parts(rows: slice) -> list[Floats]:
        by_genre, by_looks = genre[rows] @ pictures.genre.T, own[rows] @ pictures.looks.T
        raw = (by_genre, star[rows][:, pictures.star], by_looks)
        return [_within_titles(part, starts, counts) for part in raw]

    # Scaled by some viewers, who are few enough to hold at once.
    scales = [
        np.float32(weight / (part.std() + 1e-9))
        for weight, part in zip((GENRE, STAR, OWN), parts(slice(_SCALE_VIEWERS)), strict=True)
    ]
    play = np.empty((viewers, count), dtype=np.float32)
    for first in range(0, viewers, _ROWS):
        rows = slice(first, first + _ROWS)
        play[rows] = APPEAL * appeal
        for scale, part in zip(scales, parts(rows), strict=True):
            play[rows] += scale * part
        play[rows] += np.repeat(TITLE * tastes.title[rows], counts, axis=1)
    return Logits(
        play,
        (_situation_effects() @ pictures.looks.T.astype(np.float64)).astype(np.float32),
        SLOT_EFFECT,
        (KEEP_TITLE * tastes.title).astype(np.float32),
        (KEEP_APPEAL * keep_appeal - CLICKBAIT_PENALTY * pictures.clickbait).astype(np.float32),
    )


def _within_titles(part: Floats, starts: Integers, counts: Integers) -> Floats:
    means = np.add.reduceat(part, starts, axis=1) / counts.astype(np.float32)
    return np.asarray(part - np.repeat(means, counts, axis=1), dtype=np.float32)


def _situation_effects() -> Doubles:
    """Return effects by situation, [situations, LOOKS], with rows as in `table_world.situation_of`."""
    return np.array(
        [
            [DEVICE_EFFECT[device].get(look, 0.0) + DAYPART_EFFECT[daypart].get(look, 0.0) for look in LOOKS]
            for device in DEVICES
            for daypart in DAYPARTS
        ]
    )
