"""Plan: what a suite is asked to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keyart
from keyart.errors import SettingError

from .benchmark_worlds import BenchmarkSize, all_worlds
from .policies import POLICIES, SETTINGS


@dataclass(frozen=True)
class BenchmarkPlan:
    """worlds, policies: by name, in order. resume: go on with what `suite.jsonl` holds. download:
    whether real data is fetched where it is not in the cache."""

    effort: BenchmarkSize
    seeds: Sequence[int]
    worlds: Sequence[str]
    policies: Sequence[str]
    resume: bool
    download: bool

    @classmethod
    def of(
        cls,
        effort: BenchmarkSize,
        seeds: Sequence[int],
        worlds: str | None = None,
        policies: str | None = None,
        resume: bool = False,
        download: bool = False,
    ) -> BenchmarkPlan:
        """worlds, policies: names with commas between them; None: all. Raises SettingError where one is not known."""
        known = [setting.name for setting in all_worlds(effort)]
        return cls(
            effort,
            seeds,
            named(worlds, known, "world"),
            named(policies, POLICIES, "policy"),
            resume,
            download,
        )

    def settings(self) -> dict[str, Any]:
        """What results depend on beside world, seed and policy; and so what they must share to stand in one table."""
        return {
            "keyart": keyart.__version__,
            "rounds": self.effort.rounds,
            "steps_per_round": self.effort.steps,
            "worlds": {setting.name: dict(setting.settings) for setting in all_worlds(self.effort)},
            "peers": SETTINGS,
        }


def named(asked: str | None, known: Sequence[str], what: str) -> tuple[str, ...]:
    """Those of `known` that are asked for, in the order of `known`; all where nothing is asked."""
    if asked is None:
        return tuple(known)
    names = {key_of(name): name for name in known}
    wanted = [word.strip() for word in asked.split(",") if word.strip()]
    for word in wanted:
        if key_of(word) not in names:
            raise SettingError(f"No {what} {word!r} in the suite; there are {', '.join(known)}.")
    if not wanted:
        raise SettingError(f"Name at least one {what} of the suite: {', '.join(known)}.")
    return tuple(names[key] for key in names if key in set(map(key_of, wanted)))


def key_of(name: str) -> str:
    """As one may type it: best-fixed, e-greedy."""
    return name.casefold().replace("ε", "e").replace("-", " ")
