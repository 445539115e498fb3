"""`keyart train`: from a log to a model file, and what it says of wrong input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.training import log, world

from keyart_federated.export import ModelFile

SMALL = ["--passes", "2", "--held-out", "0.2"]


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with log.jsonl and catalog.json, and some files that are neither."""
    log().save(tmp_path / "log.jsonl")
    world().catalog.save(tmp_path / "catalog.json")
    (tmp_path / "text.txt").write_text("hello\n")
    (tmp_path / "random").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "broken.json").write_text('{"format": "keyart-log/1", "data": ')
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_as_table_and_as_json(team: Path, keyart_command) -> None:
    done = keyart_command("train", "log.jsonl", "--catalog", "catalog.json", "--out", "model.npz", *SMALL)
    assert done.exit_code == 0, done.output
    assert "48 to train, 12 held out" in done.stdout and "SNIPS" in done.stdout
    assert done.stderr == ""

    again = keyart_command("train", "log.jsonl", "--catalog", "catalog.json", "--out", "model.npz", *SMALL, "--json")
    document = json.loads(again.stdout)
    assert document["decisions"] == {"training": 1200, "held out": 300}
    assert document["held_out_log_likelihood"][document["best_pass"]] > document["held_out_log_likelihood"][0]
    assert ModelFile.load(team / "model.npz").data == log().data


def test_a_log_as_csv_gives_the_same_model(team: Path, keyart_command) -> None:
    log().save(team / "log.csv")
    for name in ("log.jsonl", "log.csv"):
        done = keyart_command("train", name, "--catalog", "catalog.json", "--out", f"{name}.npz", *SMALL)
        assert done.exit_code == 0, done.output
    first, second = (ModelFile.load(team / f"{name}.npz").model for name in ("log.jsonl", "log.csv"))
    assert (first.theta == second.theta).all()


def test_broken_rows_are_named_and_the_others_trained_on(team: Path, keyart_command) -> None:
    lines = (team / "log.jsonl").read_text().splitlines()
    lines[10], lines[20] = "{", lines[20].replace("viewer", "spectator")
    (team / "log.jsonl").write_text("\n".join(lines))

    done = keyart_command("train", "log.jsonl", "--catalog", "catalog.json", "--out", "model.npz", *SMALL, "--json")
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert document["broken_rows"] == 2 and document["held_out_value"] is None
    assert sum(document["decisions"].values()) + sum(document["left_out"].values()) <= log().decisions
    assert "log.jsonl:11: " in done.stderr and "log.jsonl:21: 'viewer' is missing" in done.stderr
    assert f"2 of {len(lines) - 1:,} rows" in done.stderr and "'spectator'" in done.stderr
    assert "held_out_value" not in ModelFile.load(team / "model.npz").quality


def test_too_many_broken_rows(team: Path, keyart_command) -> None:
    lines = (team / "log.jsonl").read_text().splitlines()
    lines[1:400] = ["{"] * 399
    (team / "log.jsonl").write_text("\n".join(lines))

    done = keyart_command("train", "log.jsonl", "--catalog", "catalog.json", "--out", "model.npz", *SMALL)
    assert done.exit_code == 1 and "too many to train on" in done.stderr and "log.jsonl:2: " in done.stderr
    assert not (team / "model.npz").exists()


def test_data_that_may_not_be_shipped_is_said_and_never_exported(team: Path, keyart_command) -> None:
    replace(log(), data="A world of MovieLens").save(team / "log.jsonl")

    done = keyart_command("train", "log.jsonl", "--catalog", "catalog.json", "--out", "model.npz", *SMALL)
    assert done.exit_code == 0 and "evaluation only" in done.stderr

    for command in (["export", "model.npz", "--out", "b"], ["quantize", "model.npz", "--slates", "20", "--out", "b"]):
        refused = keyart_command(*command, *(["--data", "Our own"] if command[0] == "export" else []))
        assert refused.exit_code == 1 and "evaluation only" in refused.stderr
    assert not (team / "b").exists()


@pytest.mark.parametrize("read", ["nowhere", "text.txt", "random", "broken.json", "empty", "catalog.json"])
def test_what_is_no_log(team: Path, read: str, keyart_command) -> None:
    before = sorted(team.iterdir())
    done = keyart_command("train", read, "--catalog", "catalog.json", "--out", "model.npz")

    assert done.exit_code == 1 and "Traceback" not in done.output
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith("Error: ") and "log" in sentence
    assert sorted(team.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["log.jsonl", "--catalog", "catalog.json"], 2),
        (["log.jsonl", "--out", "model.npz"], 2),
        (["log.jsonl", "--catalog", "nowhere", "--out", "model.npz"], 1),
        (["log.jsonl", "--catalog", "log.jsonl", "--out", "model.npz"], 1),
        (["log.jsonl", "--catalog", "catalog.json", "--out", "text.txt"], 2),
        (["log.jsonl", "--catalog", "catalog.json", "--out", "empty"], 2),
        (["log.jsonl", "--catalog", "catalog.json", "--out", "nowhere/model.npz"], 2),
        (["log.jsonl", "--catalog", "catalog.json", "--out", "model.npz", "--held-out", "1"], 2),
        (["log.jsonl", "--catalog", "catalog.json", "--out", "model.npz", "--passes", "0"], 2),
    ],
)
def test_wrong_use(team: Path, arguments: list[str], code: int, keyart_command) -> None:
    before = sorted(team.iterdir())
    done = keyart_command("train", *arguments)

    assert done.exit_code == code, done.output
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert sorted(team.iterdir()) == before
    assert (team / "text.txt").read_text() == "hello\n"


def test_an_interruption_leaves_nothing(team: Path, keyart_command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("keyart_federated.simulation.central_learner.CentralLearner.run", interrupted)
    before = sorted(team.iterdir())

    assert keyart_command("train", "log.jsonl", "--catalog", "catalog.json", "--out", "model.npz").exit_code == 130
    assert sorted(team.iterdir()) == before
