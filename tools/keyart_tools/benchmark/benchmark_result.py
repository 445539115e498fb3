"""Result: what a suite brought, by world and policy, and suite.json."""

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
    """One policy on one world. entries: by seed."""

    world: str
    policy: str
    entries: Sequence[PolicyRun]

    @cached_property
    def score(self) -> PolicyScore:
        """Over all seeds."""
        return pooled([entry.score for entry in self.entries])

    @property
    def seconds(self) -> float:
        """Mean of the seeds."""
        return fmean(entry.seconds for entry in self.entries)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
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
    """worlds: those that were played. rows: worlds and policies in order. absent: name of a world or policy, and why
    it is not there (`POLICY on WORLD, seed N` for one that is there elsewhere)."""

    plan: BenchmarkPlan
    worlds: Sequence[BenchmarkWorld]
    rows: Sequence[BenchmarkRow]
    absent: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """What suite.json holds."""
        return {
            "seeds": list(self.plan.seeds),
            **self.plan.settings(),
            "worlds": [{"name": world.name, "about": world.about, **world.settings} for world in self.worlds],
            "rows": [row.to_dict() for row in self.rows],
            "absent": dict(self.absent),
            "reports": self._reports(),
        }

    def _reports(self) -> list[dict[str, Any]]:
        """Of the simulations, beside how often the references were abandoned on the same impressions."""
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
