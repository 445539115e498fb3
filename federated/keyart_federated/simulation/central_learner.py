"""The central learner: the baseline that sees every log. The model, devices and learner are those of a campaign.

It takes the learner's steps on exact sums, with the curvature of real decisions in place of simulated ones. Its
lead over the federated rounds is the price of keeping every history on its device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

import keyart
from keyart.campaigns import (
    DeviceBatch,
    LatentBlocks,
    PopulationLayout,
    TrainingLayout,
    cowatch_vectors,
    population_vectors,
    training_vectors,
)
from keyart.model import EncodedCatalog

from ..accounting.privacy import FINE_UNITS, NO_CLIP
from ..learning import curvature, learner_state, title_latents
from ..learning.learner import Learner
from ..learning.learning_request import LearningRequest
from ..learning.model import GlobalModel
from ..learning.viewer_population import Population
from ..types import Doubles, Integers
from .devices import Devices
from .pooled_logs import sampled_decisions

CURVATURE_DECISIONS = 15_000  # drawn from the pooled logs; the gradient is of all of them
SAMPLES = 5  # of so many decisions in all: what is held at a time stays small


class CentralLearner:
    """A learner that sees every log after each round of impressions, without privacy and without messages."""

    def __init__(self, encoded: EncodedCatalog, model: GlobalModel, policy: keyart.Policy, seed: int) -> None:
        self.encoded, self.policy = encoded, policy
        self.state = learner_state.init(model, encoded)
        self._learner: Learner | None = None
        self._rng = np.random.default_rng([seed, 7])

    def run(
        self,
        parts: Sequence[Devices],
        steps: int,
        rounds: int,
        progress: Callable[[int, int], None],
        learns: bool = True,
    ) -> learner_state.LearnerState:
        """Play and learn all rounds. With learns=False the zero-shot model stays and only devices' heads learn."""
        if learns:
            self._find_titles(parts)
        for r in range(rounds):
            for part in parts:
                part.install(self.state.model)
                for k in range(r * steps, (r + 1) * steps):
                    part.step(k)
            if learns:
                self._learn(parts)
            progress(r + 1, rounds)
        return self.state

    def fit(self, parts: Sequence[Devices], steps: int, progress: Callable[[int, int], None]) -> GlobalModel:
        """Return the model after `steps` steps on logs that stay as they are."""
        self._find_titles(parts)
        for part in parts:
            part.install(self.state.model)
        for step in range(steps):
            self._learn(parts)
            progress(step + 1, steps)
        return self.state.model

    def _find_titles(self, parts: Sequence[Devices]) -> None:
        devices = _count(parts)

        def ask(asked: Doubles) -> title_latents.CowatchSums:
            layout, directions = title_latents.layout_of(len(asked)), title_latents.unit_directions(asked)
            histories = (views for part in parts for views in part.histories())
            total = _integers(cowatch_vectors(layout, views, directions, NO_CLIP) for views in histories)
            return title_latents.CowatchSums.read(
                total, asked, units=FINE_UNITS, clip=NO_CLIP, variance=0.0, devices=devices
            )

        found = title_latents.find_titles(ask, self.encoded, self._rng)
        self.state = replace(self.state, model=replace(self.state.model, title_latents=found))

    def _learn(self, parts: Sequence[Devices]) -> None:
        decisions = sum(part.decisions for part in parts) / _count(parts)
        learner = self._learner or Learner.start(self.state, self._population(parts), _count(parts), self.encoded)
        count = CURVATURE_DECISIONS // SAMPLES // len(parts)
        samples = [sampled_decisions(part, count, self._rng) for part in parts for _ in range(SAMPLES)]
        real = curvature.of_decisions(samples, self.state.model)
        blocks: LatentBlocks = "artworks" if self.state.model.title_latents.any() else "none"
        learner, question = learner.ask(decisions, NO_CLIP, self.encoded, self.policy, self._rng, FINE_UNITS, blocks)
        question = learner.with_curvature(question, real)
        self._learner = learner.answered(question, self._gradients(parts, question), 0.0, self.encoded)
        self.state = self._learner.state
        for part in parts:
            part.install(self.state.model)

    def _population(self, parts: Sequence[Devices]) -> Population:
        layout, title_of = PopulationLayout(self.encoded.spec, len(self.encoded.first) - 1), self.encoded.title_of

        def vectors(batch: DeviceBatch) -> Doubles:
            titles = title_of[batch.artworks]
            return population_vectors(layout, batch.log, titles, batch.affinity, batch.has_history)

        return Population.read(layout, _sum(parts, vectors), FINE_UNITS, _count(parts), 0.0)

    def _gradients(self, parts: Sequence[Devices], asked: LearningRequest) -> Integers:
        layout = TrainingLayout(self.encoded.spec, len(self.encoded.artwork), asked.latents)
        return _sum(
            parts,
            lambda batch: training_vectors(
                layout, batch.weights, batch.log, batch.artworks, asked.scale, asked.clip, asked.most
            ).whole(),
        )


def _count(parts: Sequence[Devices]) -> float:
    return float(sum(len(part.members) for part in parts))


def _sum(parts: Sequence[Devices], vectors: Callable[[DeviceBatch], Doubles]) -> Integers:
    return _integers(vectors(batch) for part in parts for _, batch in part.batches())


def _integers(vectors: Iterable[Doubles]) -> Integers:
    """Return the sum of all devices' vectors, in integers of `FINE_UNITS`."""
    return np.asarray(sum(np.rint(some * FINE_UNITS).astype(np.int64).sum(axis=0) for some in vectors))
