"""The policies' runs on the same impressions of one world."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import keyart
from keyart.model import EncodedCatalog, FeatureSpec
from keyart_federated import Report, World, simulate
from keyart_federated.baselines import BaselinePolicy, Played, best_fixed, play
from keyart_federated.metrics import WorldTruth

from .benchmark_worlds import BenchmarkSize, BenchmarkWorld
from .external_learner import play_by_steps, start_learner
from .policies import BEST_FIXED, BUILT_IN_BASELINES, EXTERNAL_BASELINES, ORACLE, SIMULATED
from .results_file import PolicyRun
from .scores import score_baseline, score_simulation


@dataclass(frozen=True)
class WorldRun:
    """A world with a seed; the world is created and measured when the first policy runs.

    Attributes:
        python: interpreter of the external baselines; None if there is none.
    """

    setting: BenchmarkWorld
    seed: int
    effort: BenchmarkSize
    python: Path | None

    @cached_property
    def world(self) -> World:
        """Return the world, created once."""
        return self.setting.world(self.seed)

    @cached_property
    def truth(self) -> WorldTruth:
        """Return the expected rewards, measured once."""
        return WorldTruth.measure(self.world, self.effort.impressions)

    def entry(self, policy: str) -> PolicyRun:
        """Run one policy.

        Raises:
            FederatedError: an external baseline cannot run.
            KeyartError: the policy failed for another reason.
        """
        truth = self.truth  # made before the clock starts
        began = time.perf_counter()
        if policy in SIMULATED:
            report = self._report(policy)
            score, report_document = score_simulation(report), {**report.to_dict(), "bundle": None}  # it is gone
        else:
            played = self._outside(policy) if policy in EXTERNAL_BASELINES else self._inside(policy)
            catalog = self.world.catalog
            tags = EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog)).artwork
            score, report_document = score_baseline(truth, played, tags), None
        seconds = time.perf_counter() - began
        return PolicyRun(self.setting.name, self.seed, policy, score, seconds, report_document)

    def _report(self, policy: str) -> Report:
        with tempfile.TemporaryDirectory(prefix="keyart-") as folder:
            return simulate(
                self.world,
                self.effort.steps,
                self.effort.rounds,
                seed=self.seed,
                truth=self.truth,
                name=self.setting.name,
                out=Path(folder) / "bundle",
                **SIMULATED[policy],
            )

    def _outside(self, policy: str) -> Played:
        assert self.python is not None  # noqa: S101 – else the policy is not in the suite
        with start_learner(policy, EXTERNAL_BASELINES[policy], self.python, self.world, self.seed) as baseline:
            return play_by_steps(self.world, baseline, self.effort.impressions)

    def _inside(self, policy: str) -> Played:
        if policy == BEST_FIXED:
            baseline: BaselinePolicy = best_fixed(self.truth)
        elif policy == ORACLE:
            baseline = Oracle(self.truth)
        else:
            baseline = BUILT_IN_BASELINES[policy](self.world.catalog, self.seed)
        return play(self.world, baseline, self.effort.impressions)


class Oracle:
    """The best artwork of each impression, by the world's expected rewards, which no learner may see.

    A baseline does not get the number of the impression, so this one counts the impressions of each device.
    """

    def __init__(self, truth: WorldTruth) -> None:
        self._best = np.nanargmax(truth.reward, axis=2)
        self._impressions: Counter[int] = Counter()

    def choose(self, i: int, title: int, context: keyart.Context) -> int:
        """Return the best artwork of the device's next impression."""
        k = self._impressions[i]
        self._impressions[i] += 1
        return int(self._best[i, k])

    def learn(self, title: int, picture: int, reward: float) -> None:
        """Ignore the reward."""
