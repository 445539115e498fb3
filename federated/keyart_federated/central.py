"""CentralLearner: the baseline that sees every log. The same model, devices and learner, but all logs in one place.

It takes the learner's steps on exact sums, with the curvature of real decisions in place of simulated ones. What it
gains over the federated rounds is the price of nobody's history leaving a device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

import keyart
from keyart.features import EncodedCatalog
from keyart.outbound.gradient import FRACTION_BITS
from keyart.outbound.noised import NoisedPopulation

from . import curvature, latents, optimiser
from .devices import Devices
from .model import Doubles, Model
from .private import vectors
from .private.learner import Learner
from .private.population import Population
from .private.privacy import FINE_UNITS, NO_CLIP
from .private.wire import Ask

CURVATURE_DECISIONS = 15_000  # drawn from the pooled logs; the gradient is of all of them
SAMPLES = 5  # of so many decisions in all: what is held at a time stays small


class CentralLearner:
    """Runs the same rounds as the strategy, without messages."""

    def __init__(self, encoded: EncodedCatalog, model: Model, policy: keyart.Policy, seed: int) -> None:
        self.encoded, self.policy = encoded, policy
        self.state = optimiser.init(model, encoded)
        self._learner: Learner | None = None
        self._rng = np.random.default_rng([seed, 7])

    def run(
        self,
        parts: Sequence[Devices],
        steps: int,
        rounds: int,
        progress: Callable[[int, int], None],
        learns: bool = True,
    ) -> optimiser.State:
        """All rounds; with learns=False the zero-shot model stays and only the devices' heads learn."""
        if learns:
            self._find_titles(parts)
        for r in range(rounds):
            for part in parts:
                part.install(self.state.model)
                for k in range(r * steps, (r + 1) * steps):
                    part.step(k)
            if learns:
                self._learn(parts, float((r + 1) * steps))
            progress(r + 1, rounds)
        return self.state

    def _find_titles(self, parts: Sequence[Devices]) -> None:
        def ask(asked: Doubles) -> Doubles:
            sums = np.sum([part.together(asked) for part in parts], axis=0)
            return np.asarray(sums / float(1 << FRACTION_BITS))

        found = latents.find_titles(ask, self.encoded, self._rng)
        self.state = replace(self.state, model=replace(self.state.model, title_latents=found))

    def _learn(self, parts: Sequence[Devices], decisions: float) -> None:
        devices = float(sum(len(part.members) for part in parts))
        if self._learner is None:
            layout = NoisedPopulation(self.encoded.spec, len(self.encoded.first) - 1)
            total = self._sum(parts, Ask("population", 0, 0, 1.0, 0, units=FINE_UNITS))
            population = Population.read(layout, total, FINE_UNITS, devices, 0.0)
            self._learner = Learner.start(self.state, population, devices, self.encoded)
        count = CURVATURE_DECISIONS // SAMPLES // len(parts)
        logs = [part.sample(count, self._rng) for part in parts for _ in range(SAMPLES)]
        real = curvature.of_decisions(logs, self.state.model)
        learner, question = self._learner.ask(
            decisions, NO_CLIP, self.encoded, self.policy, self._rng, FINE_UNITS, artwork_latents=True
        )
        by_artwork = np.sum([part.curvature_by_artwork() for part in parts], axis=0)
        question = learner.with_curvature(question, real, by_artwork)
        ask = Ask("training", 1, 0, 1.0, 0, question.clip, question.most, question.scale, FINE_UNITS)
        self._learner = learner.answered(question, self._sum(parts, ask), 0.0, self.encoded)
        self.state = self._learner.state
        for part in parts:
            part.install(self.state.model)

    def _sum(self, parts: Sequence[Devices], ask: Ask) -> npt.NDArray[np.int64]:
        return np.asarray(
            np.sum(
                [
                    vectors.noised_sum(part, ask, np.ones(len(part.members), dtype=np.bool_), self._rng.bytes)
                    for part in parts
                ],
                axis=0,
            )
        )
