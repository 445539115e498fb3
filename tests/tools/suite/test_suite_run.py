"""The suite: every policy on every world, pooled over seeds, written and drawn."""

from __future__ import annotations

import contextlib
import json
import math

import pytest

from keyart.errors import DataUnavailable, FederatedError
from keyart_federated import Report
from keyart_tools.suite import run as suite
from keyart_tools.suite import worlds
from keyart_tools.suite.run import FIGURES, POLICIES, SQUARECB, Score, pooled
from keyart_tools.suite.worlds import QUICK, Effort, settings_of

WORLDS = ["synthetic", "private tastes", "clickbait", "untold tastes", "cold and seasonal"]
SEEDS = (5, 6)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    out = tmp_path_factory.mktemp("suite") / "new" / "folder"
    told = []
    result = suite.run(QUICK, SEEDS, out, out, False, lambda done, of: told.append((done, of)))
    return result, out, told


def test_every_policy_on_every_world(ran):
    result, out, told = ran
    policies = [name for name in POLICIES if name != SQUARECB]  # no .venv-bench in that folder
    assert [(row.world, row.policy) for row in result.rows] == [(w, p) for w in WORLDS for p in policies]
    assert set(result.absent) == {SQUARECB, "MovieLens"} and "make bench" in result.absent[SQUARECB]
    assert told[0] == (0, 50) and told[-1] == (50, 50)
    assert (out / "suite.png").stat().st_size > 20_000
    document = json.loads((out / "suite.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert document == json.loads(json.dumps(result.document))
    assert document["seeds"] == [5, 6] and len(document["reports"]) == 10


def test_rows_hold_all_figures_and_references_are_where_they_belong(ran):
    document = ran[0].document
    of = {(row["world"], row["policy"]): row for row in document["rows"]}
    for (world, policy), row in of.items():
        assert set(FIGURES) <= set(row) and len(row["last_quarter_capture_by_seed"]) == 2
        for name, (low, high) in row["interval"].items():
            assert low <= row[name] <= high, (world, policy, name)
    for world in WORLDS:
        assert of[world, "best fixed"]["capture"] > of[world, "random"]["capture"] + 0.1
        assert abs(of[world, "random"]["capture"]) < 0.25
        assert of[world, "best fixed"]["coverage"] < of[world, "random"]["coverage"]
    for n, report in enumerate(document["reports"]):
        assert set(report) == set(Report.__dataclass_fields__) and report["bundle"] is None
        same = [r for r in document["reports"] if r["world"] == report["world"]]
        mean = sum(r["random_clickbait_rate"] for r in same) / 2
        assert mean == pytest.approx(of[WORLDS[n // 2], "random"]["clickbait_rate"])
        assert report["capture"] in [r["capture"] for r in same]
    keyart = of["clickbait", "keyart"]
    assert keyart["capture"] == pytest.approx(sum(r["capture"] for r in document["reports"][4:6]) / 2)


def test_pooled_is_the_mean_and_narrows_as_seeds_grow():
    scores = [Score({"capture": x}, {"capture": (x - 0.3, x + 0.3)}) for x in (0.1, 0.2, 0.6)]
    whole = pooled(scores)
    assert whole.figures["capture"] == pytest.approx(0.3)
    low, high = whole.interval["capture"]
    assert (low + high) / 2 == pytest.approx(0.3) and (high - low) / 2 == pytest.approx(0.3 / math.sqrt(3))


def test_a_peer_that_cannot_run_is_said_to_be_missing(tmp_path, monkeypatch):
    python = tmp_path / ".venv-bench" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()

    @contextlib.contextmanager
    def fails(name, *rest):
        raise FederatedError(f"{name} ended early.")
        yield

    monkeypatch.setattr(suite, "started", fails)
    monkeypatch.setattr(suite, "settings_of", lambda effort, download: (settings_of(QUICK, False)[0][:1], {}))
    result = suite.run(QUICK, [1], tmp_path / "out", tmp_path, False, lambda done, of: None)
    assert SQUARECB not in [row.policy for row in result.rows] and len(result.rows) == 5
    assert result.absent == {f"{SQUARECB} on synthetic, seed 1": f"{SQUARECB} ended early."}


def test_real_data_only_where_it_is_or_is_asked_for(monkeypatch):
    asked: list[object] = []

    def fetch(cache=None, run=None):
        asked.append(run)
        if run is not None:
            run(["download"])

    monkeypatch.setattr(worlds, "fetch", fetch)
    found, missing = settings_of(Effort(), download=False)
    assert "--download" in missing["MovieLens"] and [setting.name for setting in found] == WORLDS
    found, missing = settings_of(Effort(), download=True)
    assert asked[-1] is None and missing == {} and found[-1].name == "MovieLens"

    def cached(cache=None, run=None):
        return None

    monkeypatch.setattr(worlds, "fetch", cached)
    assert settings_of(Effort(), download=False)[0][-1].settings["titles"] == 200
    with pytest.raises(DataUnavailable):
        worlds._not_now([])


def test_worlds_differ_by_seed_and_by_setting():
    made = [setting.world(seed) for setting in settings_of(QUICK, False)[0] for seed in (1, 2)]
    seen = {tuple(world.expected_reward(0, 0)) for world in made}
    assert len(seen) == 10
