"""Seasons of the synthetic world: the week and the time of the day tilt what people want, genre by genre."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keyart.context import DAYPARTS

from ..types import Doubles
from .synthetic_catalog import GENRES

SEASON_WEEKS = 8  # until a season comes again


@dataclass(frozen=True, slots=True)
class Seasons:
    """Effects in logits of weeks [weeks, GENRES] and dayparts [DAYPARTS, GENRES]."""

    weeks: Doubles
    dayparts: Doubles


def drawn_seasons(weeks: int, size: float, seed: int) -> Seasons:
    """Draw seasons: each genre comes and goes as a sine with its own phase; each daypart has a normal number a genre.

    Args:
        weeks: Number of weeks.
        size: Standard deviation of both, in logits.
        seed: Seed of the draws.
    """
    rng = np.random.default_rng([seed, 42])
    phase = rng.random(len(GENRES)) + np.arange(weeks)[:, None] / SEASON_WEEKS
    by_week = math.sqrt(2) * np.sin(2 * math.pi * phase)
    return Seasons(size * by_week, size * rng.standard_normal((len(DAYPARTS), len(GENRES))))
