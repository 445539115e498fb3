"""A log of a small world, and the model that it teaches; made once for all tests of a process."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from keyart.model import EncodedCatalog, FeatureSpec
from keyart_federated.export import ModelFile
from keyart_federated.learning.model import GlobalModel
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
def coarse() -> ModelFile:
    """Return a model that int8 harms: one large weight a row leaves few steps for the others."""
    model = fitted().file.model
    weights = model.weights
    matrix = np.random.default_rng(0).normal(0, 0.15, weights.play_artwork.shape).astype(np.float32)
    matrix[:, -1] = 30.0
    return replace(fitted().file, model=replace(model, theta=replace(weights, play_artwork=matrix).flat()))


@cache
def untrained() -> ModelFile:
    """Return the model before any training, as `keyart train` writes it where no pass helps."""
    encoded = EncodedCatalog.build(world().catalog, FeatureSpec.from_catalog(world().catalog))
    about = {"round": 0, "devices": 0, "learner": "log"}
    return ModelFile(GlobalModel.zero_shot(encoded), world().catalog, "nothing yet", about, {})


@cache
def fitted() -> TrainedModel:
    return fit(log(), world().catalog, LogTrainingSettings(passes=6, held_out=0.2))
