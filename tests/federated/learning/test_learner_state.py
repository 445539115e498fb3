"""Where learning starts: with wide variances from a zero-shot model, with narrow ones from a trained model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from support.worlds import StyleWorld

from keyart_federated.learning import learner_state
from keyart_federated.learning.learner_state import TRAINED_SHARE
from keyart_federated.learning.model import GlobalModel
from keyart_federated.simulation.local_engine import encoded_catalog


def test_a_trained_model_is_doubted_less() -> None:
    encoded = encoded_catalog(StyleWorld(devices=4))
    zero_shot = GlobalModel.zero_shot(encoded)
    trained = replace(zero_shot, appeal=zero_shot.appeal + 0.1)
    first, second = (learner_state.init(model, encoded) for model in (zero_shot, trained))
    for before, after in (
        (first.play.variance, second.play.variance),
        (first.keep.variance, second.keep.variance),
        (first.appeal_prior.titles, second.appeal_prior.titles),
        (first.appeal_prior.artworks, second.appeal_prior.artworks),
        (first.latents.variance, second.latents.variance),
    ):
        np.testing.assert_allclose(after, TRAINED_SHARE * before)
