"""The result of a benchmark by world and policy, as written to suite.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from .benchmark_plan import BenchmarkPlan
from .benchmark_worlds import BenchmarkWorld
from .policies import BEST_FIXED, RANDOM
from .results_file import PolicyRun
from .scores import PolicyScore, pooled


@dataclass(frozen=True)
class BenchmarkRow:
    """The results of one policy on one world, by seed."""

    world: str
    policy: str
    entries: Sequence[PolicyRun]

    @cached_property
    def score(self) -> PolicyScore:
        """Return the score over all seeds."""
        return pooled([entry.score for entry in self.entries])

    @property
    def seconds(self) -> float:
        """Return the mean duration over the seeds."""
        return fmean(entry.seconds for entry in self.entries)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "world": self.world,
            "policy": self.policy,
            **self.score.figures,
            "interval": self.score.to_dict()["interval"],
            "seconds": self.seconds,
            "seeds": [entry.seed for entry in self.entries],
            "last_quarter_capture_by_seed": [entry.score.figures["last_quarter_capture"] for entry in self.entries],
        }


@dataclass(frozen=True)
class BenchmarkResult:
    """The result of a benchmark.

    Attributes:
        worlds: the worlds that were run.
        rows: results by world and policy, in order.
        absent: reason by name of a skipped world or policy (`POLICY on WORLD, seed N` if it was skipped there only).
    """

    plan: BenchmarkPlan
    worlds: Sequence[BenchmarkWorld]
    rows: Sequence[BenchmarkRow]
    absent: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the content of suite.json."""
        return {
            "seeds": list(self.plan.seeds),
            **self.plan.settings(),
            "worlds": [{"name": world.name, "about": world.about, **world.settings} for world in self.worlds],
            "rows": [row.to_dict() for row in self.rows],
            "absent": dict(self.absent),
            "reports": self._reports(),
        }

    def _reports(self) -> list[dict[str, Any]]:
        """Return the simulations' reports, with the abandonment rates of the references on the same impressions."""
        entries = [entry for row in self.rows for entry in row.entries]
        abandoned = {entry.key: entry.score.figures["clickbait_rate"] for entry in entries}
        return [
            {
                "policy": entry.policy,
                **entry.report,
                "random_clickbait_rate": abandoned.get((entry.world, entry.seed, RANDOM)),
                "best_fixed_clickbait_rate": abandoned.get((entry.world, entry.seed, BEST_FIXED)),
            }
            for entry in entries
            if entry.report is not None
        ]
