"""A benchmark run over all worlds, seeds and policies of a plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from keyart.errors import FederatedError

from ..performance.baseline_comparison import interpreter
from .benchmark_chart import draw
from .benchmark_plan import BenchmarkPlan
from .benchmark_result import BenchmarkResult, BenchmarkRow
from .benchmark_worlds import BenchmarkWorld, all_worlds, unavailable_reason
from .external_learner import missing_reason
from .policies import EXTERNAL_BASELINES, ONLY_ON, plays_on
from .results_file import PolicyRun, ResultsFile
from .world_run import WorldRun

Tell = Callable[[int, int], None]
Turn = tuple[BenchmarkWorld, int, str]  # world, seed, policy


def run(plan: BenchmarkPlan, out: Path, peers_at: Path, tell: Tell) -> BenchmarkResult:
    """Run the plan and write suite.jsonl (as results arrive), suite.json and suite.png to `out`.

    Args:
        plan: what to run.
        out: output folder.
        peers_at: folder that may hold `.venv-bench`.
        tell: called with the number of policies done and the total number.

    Raises:
        KeyartError: nothing could be run, or a policy of keyart failed.
        OSError: `out` cannot be written.
    """
    python = interpreter(peers_at)
    settings, policies, absent = _present(plan, python)
    turns = list(_turns(settings, plan.seeds, policies))
    if not turns:
        raise _nothing(absent)
    out.mkdir(parents=True, exist_ok=True)
    opened = ResultsFile.resumed if plan.resume else ResultsFile.begun
    record = opened(out / "suite.jsonl", plan.settings())
    tell(0, len(turns))
    world_run = None
    for done, (setting, seed, policy) in enumerate(turns, 1):
        if world_run is None or (world_run.setting, world_run.seed) != (setting, seed):
            world_run = WorldRun(setting, seed, plan.effort, python)
        try:
            if (setting.name, seed, policy) not in record.entries:
                record.add(world_run.entry(policy))
        except FederatedError as error:  # a baseline that cannot run is skipped, and the table says so
            if policy not in EXTERNAL_BASELINES:
                raise
            absent[f"{policy} on {setting.name}, seed {seed}"] = str(error)
        tell(done, len(turns))
    result = BenchmarkResult(plan, settings, _rows(turns, record), absent)
    if not result.rows:
        raise _nothing(absent)
    text = json.dumps(result.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    (out / "suite.json").write_text(text + "\n", encoding="utf-8")
    draw([(row.world, row.policy, row.score) for row in result.rows], _about(plan, settings), out / "suite.png")
    return result


def _present(plan: BenchmarkPlan, python: Path | None) -> tuple[list[BenchmarkWorld], list[str], dict[str, str]]:
    """Return the worlds and policies that can be run here, and the reasons why others cannot."""
    planned = [setting for setting in all_worlds(plan.effort) if setting.name in plan.worlds]
    why = {setting.name: unavailable_reason(setting, plan.effort, plan.download) for setting in planned}
    settings = [setting for setting in planned if why[setting.name] is None]
    for name in plan.policies:
        if name in EXTERNAL_BASELINES:
            why[name] = missing_reason(EXTERNAL_BASELINES[name], python)
        elif settings and not any(plays_on(name, setting.name) for setting in settings):
            why[name] = f"it plays on {', '.join(ONLY_ON[name])} only; add that world."
    policies = [name for name in plan.policies if why.get(name) is None]
    return settings, policies, {name: reason for name, reason in why.items() if reason is not None}


def _turns(settings: Sequence[BenchmarkWorld], seeds: Sequence[int], policies: Sequence[str]) -> Iterator[Turn]:
    for setting in settings:
        for seed in seeds:
            for policy in policies:
                if plays_on(policy, setting.name):
                    yield setting, seed, policy


def _rows(turns: Sequence[Turn], record: ResultsFile) -> list[BenchmarkRow]:
    # By policy within a world, though the first seed of a baseline may be missing.
    runs: dict[tuple[str, str], list[PolicyRun]] = {(setting.name, policy): [] for setting, _, policy in turns}
    for setting, seed, policy in turns:
        entry = record.entries.get((setting.name, seed, policy))
        if entry is not None:
            runs[setting.name, policy].append(entry)
    return [BenchmarkRow(*key, entries) for key, entries in runs.items() if entries]


def _nothing(absent: Mapping[str, str]) -> FederatedError:
    return FederatedError("The suite ran no policy. " + " ".join(f"{name}: {why}" for name, why in absent.items()))


def _about(plan: BenchmarkPlan, settings: Sequence[BenchmarkWorld]) -> str:
    effort = plan.effort
    most = "up to " if any(setting.data for setting in settings) else ""  # data may hold fewer
    return (
        f"{most}{_count(effort.viewers, 'device')}, {_count(effort.impressions, 'impression')} each, "
        f"{_count(len(plan.seeds), 'seed')}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
