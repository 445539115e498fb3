"""The told model: what a fleet could know if it had seen several artworks of every impression, drawn at random.

A simulation that starts from a part of it (its weights, its appeal, its latents) shows how much is lost because that
part has to be learned from what a policy shows: the rungs of a ladder from nothing known to all known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..learning.model import GlobalModel
from .central_learner import CentralLearner
from .local_engine import devices_in_parts, encoded_catalog, members_of
from .setup import SimulationSetup

ARTWORKS_AN_IMPRESSION = 4
STEPS = 14  # after as many, a step moves the weights by a thirtieth of the first one, and choices do not change


def told_model(setup: SimulationSetup, progress: Callable[[int, int], None] = lambda done, of: None) -> GlobalModel:
    """Return the model, with the version of a first bundle.

    Args:
        setup: The simulation, whose impressions it is told of; its policy, head and learner do not matter.
        progress: Called with the steps that are done, and all of them.

    Raises:
        WorldError: The world breaks its protocol.
    """
    encoded, rng = encoded_catalog(setup.world), np.random.default_rng([setup.seed, 8])
    setup, parts = replace(setup, head=None), []
    for _ in range(ARTWORKS_AN_IMPRESSION):
        parts += devices_in_parts(setup, members_of(setup.world), encoded)
    zero_shot = GlobalModel.zero_shot(encoded)
    for part in parts:
        part.install(zero_shot)
        for k in range(setup.impressions):
            part.show_any(k, rng)
    told = CentralLearner(encoded, zero_shot, setup.policy, setup.seed).fit(parts, STEPS, progress)
    return replace(told, version=zero_shot.version)
