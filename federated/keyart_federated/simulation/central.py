"""CentralLearner: the peer that sees everything. The same model and devices, but all logs in one place.

It takes Newton steps on the pooled logs, with the curvature of real decisions. What it gains over the federated
rounds is the price of nobody's history leaving a device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

import keyart
from keyart.campaigns.kinds.gradient import FRACTION_BITS
from keyart.model.features import EncodedCatalog

from ..learning import curvature, latents, optimiser
from ..learning.model import Doubles, Model
from .devices import Devices

STEPS_A_ROUND = 1
DAMPING = 0.8
CURVATURE_DECISIONS = 15_000  # drawn from the pooled logs; the gradient is of all of them
SAMPLES = 5  # of so many decisions in all: what is held at a time stays small


class CentralLearner:
    """Runs the same rounds as the strategy, without messages and without sums of vectors."""

    def __init__(self, encoded: EncodedCatalog, model: Model, policy: keyart.Policy, seed: int) -> None:
        self.encoded, self.policy = encoded, policy
        self.state = optimiser.init(model, encoded)
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
                self._learn(parts)
            progress(r + 1, rounds)
        return self.state

    def _find_titles(self, parts: Sequence[Devices]) -> None:
        def ask(asked: Doubles) -> Doubles:
            sums = np.sum([part.together(asked) for part in parts], axis=0)
            return np.asarray(sums / float(1 << FRACTION_BITS))

        found = latents.find_titles(ask, self.encoded, self._rng)
        self.state = replace(self.state, model=replace(self.state.model, title_latents=found))

    def _learn(self, parts: Sequence[Devices]) -> None:
        count = CURVATURE_DECISIONS // SAMPLES // len(parts)
        logs = [part.sample(count, self._rng) for part in parts for _ in range(SAMPLES)]
        exact = curvature.of_decisions(logs, self.state.model)
        settings = optimiser.Settings(damping=DAMPING)
        for _ in range(STEPS_A_ROUND):
            total = np.sum([part.train() for part in parts], axis=0) / float(1 << FRACTION_BITS)
            self.state = optimiser.apply(self.state, total, exact, self.encoded, settings, exact=True)
            for part in parts:
                part.install(self.state.model)
