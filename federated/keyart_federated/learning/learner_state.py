"""The state that a round of learning changes: the model, its tables, prior variances, and the last Newton steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keyart.model import EncodedCatalog

from ..types import Doubles
from .artwork_appeal import AppealPrior
from .artwork_latents import ArtworkLatents
from .curvature import Curvature
from .model import GlobalModel
from .newton import Blocks, NewtonStage

TRAINED_SHARE = 0.03  # of the starting variances, that of what a trained model has not learned


@dataclass(frozen=True)
class LearnerState:
    """The part of the learner that a round changes. Field names are names in a checkpoint.

    Attributes:
        model: The global model.
        title_appeal: Appeal that a title's artworks share, as logits of play and of completion, [T, 2].
        artwork_appeal: Appeal of single artworks beyond that, [n, 2].
        play: The last Newton step of the weights of play.
        keep: The same of the weights of completion.
        appeal_prior: Prior of the appeal of titles and artworks.
        latents: Latents of the artworks.
        curvature: Simulated curvature of a decision, averaged over rounds. None before the first round.
        rounds: Number of rounds so far.
    """

    model: GlobalModel
    title_appeal: Doubles
    artwork_appeal: Doubles
    play: NewtonStage
    keep: NewtonStage
    appeal_prior: AppealPrior
    latents: ArtworkLatents
    curvature: Curvature | None = None
    rounds: int = 0


def init(model: GlobalModel, encoded: EncodedCatalog) -> LearnerState:
    """Return the state before the first round.

    A model with appeal comes from an earlier campaign. It stands where that one's prior and data have led: with
    variances as wide as before anything was known, the same logs would pull it away from there, without its prior.
    """
    blocks = Blocks.of(encoded.spec)
    doubt = TRAINED_SHARE if model.appeal.any() else 1.0
    return LearnerState(
        model=model,
        title_appeal=np.zeros((len(encoded.first) - 1, 2)),
        artwork_appeal=np.zeros((len(encoded.artwork), 2)),
        play=NewtonStage.start(blocks.play, doubt),
        keep=NewtonStage.start(blocks.keep, doubt),
        appeal_prior=AppealPrior.start(doubt),
        latents=ArtworkLatents.start(encoded, doubt),
    )
