"""All worlds, seeds and policies of a plan, and what is written of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from keyart.errors import FederatedError

from ..performance.baseline_comparison import interpreter
from .benchmark_chart import draw
from .benchmark_plan import Plan
from .benchmark_result import Result, Row
from .benchmark_worlds import Setting, settings_of, why_not
from .external_learner import why_missing
from .policies import ONLY_ON, OUTSIDE, plays_on
from .results_file import Entry, Record
from .world_run import Contest

Tell = Callable[[int, int], None]
Turn = tuple[Setting, int, str]  # world, seed, policy


def run(plan: Plan, out: Path, peers_at: Path, tell: Tell) -> Result:
    """Runs what is planned and writes suite.jsonl (as results come), suite.json and suite.png to `out`.

    peers_at: the folder that may hold `.venv-bench`. tell: gets policies done and in all. Raises KeyartError, OSError
    where `out` cannot be written.
    """
    python = interpreter(peers_at)
    settings, policies, absent = _present(plan, python)
    turns = list(_turns(settings, plan.seeds, policies))
    if not turns:
        raise _nothing(absent)
    out.mkdir(parents=True, exist_ok=True)
    opened = Record.resumed if plan.resume else Record.begun
    record = opened(out / "suite.jsonl", plan.settings())
    tell(0, len(turns))
    contest = None
    for done, (setting, seed, policy) in enumerate(turns, 1):
        if contest is None or (contest.setting, contest.seed) != (setting, seed):
            contest = Contest(setting, seed, plan.effort, python)
        try:
            if (setting.name, seed, policy) not in record.entries:
                record.add(contest.entry(policy))
        except FederatedError as error:  # a peer that cannot run is missing from the table, which says so
            if policy not in OUTSIDE:
                raise
            absent[f"{policy} on {setting.name}, seed {seed}"] = str(error)
        tell(done, len(turns))
    result = Result(plan, settings, _rows(turns, record), absent)
    if not result.rows:
        raise _nothing(absent)
    text = json.dumps(result.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    (out / "suite.json").write_text(text + "\n", encoding="utf-8")
    draw([(row.world, row.policy, row.score) for row in result.rows], _about(plan, settings), out / "suite.png")
    return result


def _present(plan: Plan, python: Path | None) -> tuple[list[Setting], list[str], dict[str, str]]:
    """The worlds and policies of the plan that can be played here, and why the others cannot."""
    asked = [setting for setting in settings_of(plan.effort) if setting.name in plan.worlds]
    why = {setting.name: why_not(setting, plan.effort, plan.download) for setting in asked}
    settings = [setting for setting in asked if why[setting.name] is None]
    for name in plan.policies:
        if name in OUTSIDE:
            why[name] = why_missing(OUTSIDE[name], python)
        elif settings and not any(plays_on(name, setting.name) for setting in settings):
            why[name] = f"it plays on {', '.join(ONLY_ON[name])} only; add that world."
    policies = [name for name in plan.policies if why.get(name) is None]
    return settings, policies, {name: reason for name, reason in why.items() if reason is not None}


def _turns(settings: Sequence[Setting], seeds: Sequence[int], policies: Sequence[str]) -> Iterator[Turn]:
    for setting in settings:
        for seed in seeds:
            for policy in policies:
                if plays_on(policy, setting.name):
                    yield setting, seed, policy


def _rows(turns: Sequence[Turn], record: Record) -> list[Row]:
    # By policy within a world, though the first seed of a peer may be missing.
    found: dict[tuple[str, str], list[Entry]] = {(setting.name, policy): [] for setting, _, policy in turns}
    for setting, seed, policy in turns:
        entry = record.entries.get((setting.name, seed, policy))
        if entry is not None:
            found[setting.name, policy].append(entry)
    return [Row(*key, entries) for key, entries in found.items() if entries]


def _nothing(absent: Mapping[str, str]) -> FederatedError:
    return FederatedError("The suite played nothing. " + " ".join(f"{name}: {why}" for name, why in absent.items()))


def _about(plan: Plan, settings: Sequence[Setting]) -> str:
    effort = plan.effort
    most = "up to " if any(setting.data for setting in settings) else ""  # data may hold fewer
    return (
        f"{most}{_count(effort.viewers, 'device')}, {_count(effort.impressions, 'impression')} each, "
        f"{_count(len(plan.seeds), 'seed')}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
