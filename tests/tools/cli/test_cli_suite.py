"""`keyart simulate --suite`: a table, two files, JSON; and options that do not go together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keyart_tools.suite import run as suite
from keyart_tools.suite.run import FIGURES, Result, Row, Score


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """A suite that plays nothing; the calls that were made of it."""
    calls: list[tuple] = []
    score = Score(dict.fromkeys(FIGURES, 0.25), dict.fromkeys(FIGURES, (0.2, 0.3)))
    rows = [Row(world, policy, score) for world in ("synthetic", "clickbait") for policy in ("keyart", "random")]

    def run(*arguments: object) -> Result:
        calls.append(arguments)
        return Result(rows, {"MovieLens": "add --download"}, {"seeds": [4, 5], "rows": []})

    monkeypatch.setattr(suite, "run", run)
    return calls


def test_quick_suite_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyart_command) -> None:
    monkeypatch.chdir(tmp_path)
    done = keyart_command("simulate", "--suite", "--quick", "--seeds", "1", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["seeds"] == [0] and len(document["rows"]) == 25
    assert json.loads((tmp_path / "build" / "suite" / "suite.json").read_text("utf-8")) == document
    assert (tmp_path / "build" / "suite" / "suite.png").exists()


def test_table_tells_worlds_intervals_and_what_is_missing(tmp_path: Path, canned, keyart_command) -> None:
    done = keyart_command("simulate", "--suite", "--seed", "4", "--seeds", "2", "--out", tmp_path, "--download")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("0.250 ± 0.050") == 8
    assert "MovieLens is missing: add --download" in done.stdout and "suite.png" in done.stdout
    ((effort, seeds, out, _, download, _),) = canned
    assert (list(seeds), out, download, effort.viewers) == ([4, 5], tmp_path, True, 500)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["--suite", "--world", "movielens"], "--world"),
        (["--suite", "--rounds", "3"], "--rounds"),
        (["--suite", "--no-head"], "--no-head"),
        (["--suite", "--plot", "a.png"], "--plot"),
        (["--seeds", "2"], "--seeds"),
        (["--quick"], "--quick"),
        (["--download"], "--download"),
        (["--suite", "--seeds", "0"], "--seeds"),
    ],
)
def test_options_that_do_not_go_together(arguments, option, canned, keyart_command) -> None:
    done = keyart_command("simulate", *arguments)
    assert done.exit_code == 2 and canned == []
    assert option in done.stderr.splitlines()[-1] and "Traceback" not in done.output
