"""`keyart simulate --suite`: a table, two files, JSON; and options that do not go together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keyart_tools.benchmark import benchmark_run as suite
from keyart_tools.benchmark.benchmark_result import BenchmarkResult, BenchmarkRow
from keyart_tools.benchmark.results_file import PolicyRun
from keyart_tools.benchmark.scores import FIGURES, PolicyScore


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """A suite that plays nothing; the calls that were made of it."""
    calls: list[tuple] = []
    score = PolicyScore(dict.fromkeys(FIGURES, 0.25), dict.fromkeys(FIGURES, (0.2, 0.3)))
    rows = [
        BenchmarkRow(world, policy, [PolicyRun(world, seed, policy, score, seed / 2, None) for seed in (4, 5)])
        for world in ("synthetic", "clickbait")
        for policy in ("keyart", "random")
    ]

    def run(*arguments: object) -> BenchmarkResult:
        calls.append(arguments)
        return BenchmarkResult(arguments[0], [], rows, {"MovieLens": "add --download"})

    monkeypatch.setattr(suite, "run", run)
    return calls


@pytest.mark.slow
def test_quick_suite_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyart_command) -> None:
    monkeypatch.chdir(tmp_path)
    part = ("--worlds", "clickbait,synthetic", "--policies", "keyart,guard-off,random", "--viewers", "9")
    done = keyart_command("simulate", "--suite", "--quick", "--seeds", "1", "--json", *part)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["seeds"] == [0] and document["worlds"][1]["viewers"] == 9
    rows = [(row["world"], row["policy"]) for row in document["rows"]]
    assert rows == [
        ("synthetic", "keyart"),
        ("synthetic", "random"),
        ("clickbait", "keyart"),
        ("clickbait", "guard off"),
        ("clickbait", "random"),
    ]
    assert json.loads((tmp_path / "build" / "suite" / "suite.json").read_text("utf-8")) == document
    assert (tmp_path / "build" / "suite" / "suite.png").exists()
    changed = keyart_command("simulate", "--suite", "--quick", "--seeds", "1", "--resume", *part[:-1], "8")
    assert changed.exit_code == 1 and "viewers was 9, is 8" in changed.stderr and "Traceback" not in changed.output


def test_table_tells_worlds_intervals_and_what_is_missing(tmp_path: Path, canned, keyart_command) -> None:
    options = ("--seed", "4", "--seeds", "2", "--rounds", "7", "--resume", "--download")
    done = keyart_command("simulate", "--suite", *options, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("0.250 ± 0.035") == 8  # 0.05 / √2
    assert done.stdout.count(" 2.2 ") == 4  # seconds
    assert {len(line) for line in done.stdout.splitlines() if line.startswith("│")} <= set(range(121))
    assert f"{tmp_path}: suite.json" in done.stdout
    assert "MovieLens was skipped: add --download" in done.stdout and "suite.png" in done.stdout
    ((plan, out, _, _),) = canned
    assert (list(plan.seeds), out, plan.download, plan.resume) == ([4, 5], tmp_path, True, True)
    assert (plan.effort.viewers, plan.effort.rounds, plan.effort.steps) == (500, 7, 10)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["--suite", "--world", "movielens"], "--world"),
        (["--suite", "--learner", "central"], "--learner"),
        (["--suite", "--no-head"], "--no-head"),
        (["--suite", "--plot", "a.png"], "--plot"),
        (["--seeds", "2"], "--seeds"),
        (["--quick"], "--quick"),
        (["--download"], "--download"),
        (["--worlds", "clickbait"], "--worlds"),
        (["--policies", "keyart"], "--policies"),
        (["--resume"], "--resume"),
        (["--suite", "--worlds", "mars"], "mars"),
        (["--suite", "--policies", "mars"], "mars"),
        (["--suite", "--seeds", "0"], "--seeds"),
    ],
)
def test_options_that_do_not_go_together(arguments, option, canned, keyart_command) -> None:
    done = keyart_command("simulate", *arguments)
    assert done.exit_code == 2 and canned == []
    assert option in done.stderr.splitlines()[-1] and "Traceback" not in done.output
