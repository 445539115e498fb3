"""The plan of a benchmark run."""

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
    """The policies to run, and the worlds to run them on.

    Attributes:
        effort: size of the worlds.
        seeds: random seeds.
        worlds, policies: names, in order.
        resume: whether to continue from an existing `suite.jsonl`.
        download: whether to download real data that is not in the cache.
    """

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
        """Create a plan from comma-separated names; None selects all.

        Raises:
            SettingError: a name is unknown.
        """
        names = [setting.name for setting in all_worlds(effort)]
        return cls(
            effort,
            seeds,
            selected(worlds, names, "world"),
            selected(policies, POLICIES, "policy"),
            resume,
            download,
        )

    def settings(self) -> dict[str, Any]:
        """Return the settings that results in one table must share, apart from world, seed and policy."""
        return {
            "keyart": keyart.__version__,
            "rounds": self.effort.rounds,
            "steps_per_round": self.effort.steps,
            "worlds": {setting.name: dict(setting.settings) for setting in all_worlds(self.effort)},
            "peers": SETTINGS,
        }


def selected(text: str | None, names: Sequence[str], what: str) -> tuple[str, ...]:
    """Return those of `names` that the comma-separated `text` lists, in their own order; all if it is None."""
    if text is None:
        return tuple(names)
    names_by_key = {key_of(name): name for name in names}
    wanted = [word.strip() for word in text.split(",") if word.strip()]
    for word in wanted:
        if key_of(word) not in names_by_key:
            raise SettingError(f"Unknown {what} {word!r}; the suite has {', '.join(names)}.")
    if not wanted:
        raise SettingError(f"Name at least one {what} of the suite: {', '.join(names)}.")
    return tuple(name for key, name in names_by_key.items() if key in set(map(key_of, wanted)))


def key_of(name: str) -> str:
    """Return the form in which names are compared, such as "best fixed" and "e greedy"."""
    return name.casefold().replace("ε", "e").replace("-", " ")
