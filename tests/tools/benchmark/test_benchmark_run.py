"""The suite: every policy on its worlds, pooled over seeds, written and drawn; and gone on with after a kill."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys

import pytest

from keyart.errors import FederatedError, SettingError
from keyart_federated import Report
from keyart_tools.benchmark import benchmark_run as suite
from keyart_tools.benchmark import world_run
from keyart_tools.benchmark.benchmark_plan import BenchmarkPlan
from keyart_tools.benchmark.benchmark_run import run
from keyart_tools.benchmark.benchmark_worlds import QUICK
from keyart_tools.benchmark.policies import EXTERNAL_BASELINES, GROUPS, POLICIES, SIMULATED
from keyart_tools.benchmark.scores import FIGURES
from keyart_tools.benchmark.world_run import WorldRun

SEEDS = (5, 6)
TINY = QUICK.sized(rounds=2)
WORLDS = ("synthetic", "clickbait")
HERE = [name for name in POLICIES if name not in EXTERNAL_BASELINES]  # no .venv-bench in a test's folder
PLAYED = [(world, p) for world in WORLDS for p in HERE if (world, p) != ("synthetic", "guard off")]


def silent(done, of):
    """No bar."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    out = tmp_path_factory.mktemp("suite") / "new" / "folder"
    told = []
    plan = BenchmarkPlan.of(TINY, SEEDS, ",".join(WORLDS))
    result = run(plan, out, out, lambda done, of: told.append((done, of)))
    return result, out, told


@pytest.fixture
def played(monkeypatch):
    """What is really played, as (world, seed, policy)."""
    turns = []
    real = WorldRun.entry

    def entry(self, policy):
        turns.append((self.setting.name, self.seed, policy))
        return real(self, policy)

    monkeypatch.setattr(WorldRun, "entry", entry)
    return turns


@pytest.mark.slow
def test_every_policy_on_its_worlds(ran):
    result, out, told = ran
    assert [(row.world, row.policy) for row in result.rows] == PLAYED
    assert set(result.absent) == set(EXTERNAL_BASELINES) and all(
        "make bench" in why for why in result.absent.values()
    )
    count = len(PLAYED) * len(SEEDS)
    assert told[0] == (0, count) and told[-1] == (count, count)
    assert (out / "suite.png").stat().st_size > 20_000
    document = json.loads((out / "suite.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert document == json.loads(json.dumps(result.to_dict()))
    assert document["seeds"] == [5, 6] and document["rounds"] == TINY.rounds
    assert [world["name"] for world in document["worlds"]] == list(WORLDS)


@pytest.mark.slow
def test_rows_hold_all_figures_and_references_are_where_they_belong(ran):
    document = ran[0].to_dict()
    of = {(row["world"], row["policy"]): row for row in document["rows"]}
    for (world, policy), row in of.items():
        assert set(FIGURES) <= set(row) and len(row["last_quarter_capture_by_seed"]) == 2 == len(row["seeds"])
        for name, (low, high) in row["interval"].items():
            assert low - 1e-12 <= row[name] <= high + 1e-12, (world, policy, name)
    for world in WORLDS:
        assert of[world, "oracle"]["last_quarter_capture"] == of[world, "oracle"]["capture"] == pytest.approx(1.0)
        assert of[world, "best fixed"]["capture"] > of[world, "random"]["capture"] + 0.1
        assert abs(of[world, "random"]["capture"]) < 0.25
        assert of[world, "best fixed"]["coverage"] < of[world, "random"]["coverage"]


@pytest.mark.slow
def test_simulations_differ_in_what_their_name_says(ran):
    document = ran[0].to_dict()
    reports = {(r["world"], r["seed"], r["policy"]): r for r in document["reports"]}
    assert {policy for *_, policy in reports} == set(SIMULATED) and len(reports) == 2 * 4 + 2 * 5
    of = {(row["world"], row["policy"]): row for row in document["rows"]}
    for (world, _, _), report in reports.items():
        assert set(report) == {"policy", *Report.__dataclass_fields__} and report["bundle"] is None
        mean = sum(reports[world, seed, "keyart"]["random_clickbait_rate"] for seed in SEEDS) / 2
        assert mean == pytest.approx(of[world, "random"]["clickbait_rate"])
    for seed in SEEDS:
        mine = {policy: reports["clickbait", seed, policy] for policy in SIMULATED}
        assert mine["keyart"]["client_updates"] == TINY.viewers * TINY.rounds == mine["no head"]["client_updates"]
        assert mine["central"]["client_updates"] == mine["zero-shot + head"]["client_updates"] == 0
        assert mine["guard off"]["coverage"] > mine["keyart"]["coverage"]  # what the guard blocks, it never shows
        assert len({tuple(report["capture_by_round"]) for report in mine.values()}) == len(mine)


@pytest.mark.slow
def test_a_killed_suite_goes_on(ran, tmp_path, played):
    result, out, _ = ran
    lines = (out / "suite.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + len(SEEDS) * len(PLAYED)
    (tmp_path / "suite.jsonl").write_bytes(b"".join(lines[:-2]) + lines[-2][:99])  # killed while it wrote
    plan = BenchmarkPlan.of(TINY, SEEDS, ",".join(WORLDS), resume=True)
    again = run(plan, tmp_path, tmp_path, silent)
    assert played == [("clickbait", 6, "best fixed"), ("clickbait", 6, "random")]
    assert json.dumps(timeless(again)) == json.dumps(timeless(result))
    kept = (tmp_path / "suite.jsonl").read_bytes().splitlines(keepends=True)
    assert kept[:-2] == lines[:-2] and len(kept) == len(lines)


def timeless(result):
    """As suite.json has it, without how long its rows took."""
    document = result.to_dict()
    for row in document["rows"]:
        assert row.pop("seconds") > 0
    return document


def test_a_part_and_then_more_of_it(tmp_path, played):
    def part(policies, resume):
        run(BenchmarkPlan.of(TINY, [5], "synthetic", policies, resume), tmp_path, tmp_path, silent)
        turns = [policy for *_, policy in played]
        played.clear()
        return turns

    assert part("random,oracle", False) == ["oracle", "random"]
    assert part("random,thompson", True) == ["Thompson"]
    assert part("random", False) == ["random"]  # without --resume it begins anew
    assert part("oracle", True) == ["oracle"]


@pytest.mark.slow
def test_other_settings_are_not_mixed(ran, tmp_path):
    shutil.copy(ran[1] / "suite.jsonl", tmp_path)
    plan = BenchmarkPlan.of(TINY.sized(viewers=25), SEEDS, "synthetic", resume=True)
    with pytest.raises(SettingError, match=r"worlds\.synthetic\.viewers was 24, is 25.*without --resume.*--out"):
        run(plan, tmp_path, tmp_path, silent)


@pytest.fixture
def bench(tmp_path):
    """A .venv-bench in tmp_path whose Python is this one."""
    python = tmp_path / ".venv-bench" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)


def test_a_peer_that_fails_is_said_to_be_missing(tmp_path, monkeypatch, bench):
    @contextlib.contextmanager
    def fails(name, *rest):
        raise FederatedError(f"{name} ended early.")
        yield

    monkeypatch.setattr(world_run, "start_learner", fails)
    monkeypatch.setattr(suite, "missing_reason", lambda script, python: None)
    plan = BenchmarkPlan.of(TINY, [1], "synthetic", f"random,{','.join(EXTERNAL_BASELINES)}")
    result = run(plan, tmp_path / "out", tmp_path, silent)
    assert [row.policy for row in result.rows] == ["random"]
    assert result.absent == {f"{name} on synthetic, seed 1": f"{name} ended early." for name in EXTERNAL_BASELINES}


def test_a_peer_that_is_not_installed_is_missing_once(tmp_path, bench):
    plan = BenchmarkPlan.of(TINY, SEEDS, "synthetic,clickbait", f"random,{','.join(EXTERNAL_BASELINES)}")
    result = run(plan, tmp_path / "out", tmp_path, silent)
    assert {row.policy for row in result.rows} == {"random"} and set(result.absent) == set(EXTERNAL_BASELINES)
    assert result.absent["VW SquareCB"] == ".venv-bench has no vowpalwabbit; `make bench` installs it."


@pytest.mark.parametrize(
    ("worlds", "policies", "why"),
    [
        ("movielens", None, "MovieLens: skipped in a quick run"),
        ("synthetic", "guard off", "guard off: it plays on clickbait only"),
        ("synthetic", "vw squarecb", "VW SquareCB: there is no .venv-bench"),
    ],
)
def test_nothing_to_play_leaves_an_old_record_alone(worlds, policies, why, tmp_path):
    (tmp_path / "suite.jsonl").write_text("hours of work")
    with pytest.raises(FederatedError, match=why):
        run(BenchmarkPlan.of(TINY, [1], worlds, policies), tmp_path, tmp_path, silent)
    assert (tmp_path / "suite.jsonl").read_text() == "hours of work"


def test_groups_hold_every_policy_once():
    assert set(SIMULATED) | set(EXTERNAL_BASELINES) < set(GROUPS) == set(POLICIES) and len(POLICIES) == 13
