"""A log of a small world, and the model that it teaches; made once for all tests of a process."""

from __future__ import annotations

from functools import cache

from keyart_tools.logs import Log, recorded
from keyart_tools.training import LogTrainingSettings, TrainedModel, fit
from support.worlds import StyleWorld

IMPRESSIONS = 25


@cache
def world() -> StyleWorld:
    """Sixty viewers who like one style or another, which no first model could know."""
    return StyleWorld(devices=60)


@cache
def log() -> Log:
    return recorded(world(), IMPRESSIONS, data="A small world, made up.")


@cache
def fitted() -> TrainedModel:
    return fit(log(), world().catalog, LogTrainingSettings(passes=6, held_out=0.2))
