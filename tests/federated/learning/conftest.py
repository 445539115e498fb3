"""The only training step of a small campaign, and everything that went into it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.worlds import StyleWorld

from keyart.model.features import EncodedCatalog
from keyart_federated import simulate
from keyart_federated.accounting.privacy import Privacy
from keyart_federated.learning.learner import Learner
from keyart_federated.learning.learning_request import LearningRequest

DEVICES, STEPS = 60, 8


@dataclass
class Step:
    """Arguments of `Learner.answered`. learner: as it was before."""

    learner: Learner
    asked: LearningRequest
    total: np.ndarray
    variance: float
    encoded: EncodedCatalog

    def answered(self, total: np.ndarray, variance: float) -> Learner:
        return self.learner.answered(self.asked, total, variance, self.encoded)


def step_at(epsilon: float, folder: Path) -> Step:
    """Return the only training step of a campaign of one round."""
    seen: dict[str, Any] = {}
    real = Learner.answered

    def answered(self, asked, total, variance, encoded):
        seen.update(learner=self, asked=asked, total=total, variance=variance, encoded=encoded)
        return real(self, asked, total, variance, encoded)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "answered", answered)
        world = StyleWorld(devices=DEVICES, likes=0.5, dislikes=0.05)
        settings = {"privacy": Privacy(epsilon, 1e-5, masked=False), "out": folder / "b"}
        simulate(world, steps_per_round=STEPS, rounds=1, **settings)
    return Step(**seen)


@pytest.fixture(scope="session")
def first_step(tmp_path_factory: pytest.TempPathFactory) -> Step:
    """At ε = 4, where the noise of so few devices is about as loud as they are."""
    return step_at(4.0, tmp_path_factory.mktemp("noised"))


@pytest.fixture(scope="session")
def quiet_step(tmp_path_factory: pytest.TempPathFactory) -> Step:
    """At ε = 1000: hardly any noise."""
    return step_at(1000.0, tmp_path_factory.mktemp("quiet"))
