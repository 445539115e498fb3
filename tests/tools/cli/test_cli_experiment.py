"""keyart experiment: planned, run on a world, and read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keyart.campaigns.kinds.engagement import METRICS
from keyart_tools.cli.experiment import NAMES

PLAN = ("experiment", "plan", "--mean", "0.14", "--deviation", "0.07", "--correlation", "0.5")


@pytest.fixture(scope="module")
def ran(keyart_command, shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with e.json and e.html."""
    folder = tmp_path_factory.mktemp("ran")
    done = keyart_command(
        "experiment", "run", shipped / "bundle", "--policy", "exploration=0.5", "--world", "synthetic",
        "--viewers", "260", "--titles", "5", "--past", "6", "--steps", "12", "--looks", "2", "--epsilon", "40",
        "--group", "device:tv,phone", "--out", folder / "e.json", "--html", folder / "e.html", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["comparisons"][0]["arm"] == "treatment"
    assert "Results: " in done.stderr and "Report: " in done.stderr
    return folder


def test_names_are_those_of_the_devices():
    assert NAMES == METRICS


def test_a_plan(keyart_command):
    done = keyart_command(*PLAN, "--effect", "1%", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["effect"] == 0.01 and 100_000 < document["devices"] < 200_000
    assert document["found"]["effect"] == pytest.approx(0.01, rel=0.01)
    assert {row["days"] for row in document["rows"]} == {7, 14, 21, 28}
    one, many = (next(r for r in document["rows"] if (r["days"], r["looks"]) == (21, n)) for n in (1, 8))
    assert one["devices"] < many["devices"] == document["devices"]
    shown = keyart_command(*PLAN, "--effect", "0.01").stdout
    assert f"{document['devices']:,}" in shown and "without noise" in shown


def test_what_so_many_devices_find(keyart_command):
    found = [
        json.loads(keyart_command(*PLAN, "--devices", "20000", "--epsilon", epsilon, "--json").stdout)["found"]
        for epsilon in ("1", "8")
    ]
    assert found[0]["effect"] > found[1]["effect"] > found[1]["without_noise"]


def test_a_run_leaves_a_file_and_a_page(ran):
    assert sorted(path.name for path in ran.iterdir()) == ["e.html", "e.json"]
    document = json.loads((ran / "e.json").read_text("utf-8"))
    assert document["format"] == "keyart-experiment/1" and len(document["looks"]) == 2
    assert "<svg" in (ran / "e.html").read_text("utf-8")


def test_reading_says_it_in_words_and_again(keyart_command, ran, tmp_path):
    done = keyart_command("experiment", "read", ran / "e.json", "--html", tmp_path / "again.html")
    assert done.exit_code == 0
    assert "quality plays a picture" in done.stdout and "phone" in done.stdout and "control" in done.stdout
    assert (tmp_path / "again.html").read_bytes() == (ran / "e.html").read_bytes()


def test_a_pilot_plans_the_next(keyart_command, ran):
    done = keyart_command("experiment", "plan", "--pilot", ran / "e.json", "--effect", "5%", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["devices"] > 1000
    both = keyart_command("experiment", "plan", "--pilot", ran / "e.json", "--mean", "1")
    assert both.exit_code == 2


def test_a_world_of_ones_own(keyart_command, own_worlds, shipped):
    run = ("experiment", "run", shipped / "bundle", "--past", "4", "--steps", "4", "--epsilon", "100")
    late = keyart_command(*run, "--world", "my_worlds:late")
    assert late.exit_code == 1 and "too few" in late.stderr
    missing = keyart_command(*run, "--world", "my_worlds:nothing")
    assert missing.exit_code == 1 and "Traceback" not in missing.output
    assert not (own_worlds / "experiment.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("plan",), 2, "--mean and --deviation"),
        (("plan", "--mean", "0.1", "--deviation", "0"), 2, "deviation"),
        (("plan", "--mean", "0.1", "--deviation", "0.1", "--effect", "x"), 2, "not a share"),
        (("plan", "--mean", "0.1", "--deviation", "0.1", "--effect", "0"), 2, "not a share"),
        (("plan", "--mean", "0", "--deviation", "0.1"), 1, "mean"),
        (("plan", "--mean", "0.1", "--deviation", "0.1", "--devices", "10"), 1, "too few"),
        (("plan", "--mean", "0.1", "--deviation", "0.1", "--looks", "60"), 1, "looks"),
        (("plan", "--mean", "0.1", "--deviation", "0.1", "--group", "religion:a"), 1, "not told apart"),
        (("plan", "--mean", "0.1", "--deviation", "0.1", "--group", "device"), 2, "KIND:A,B"),
        (("plan", "--pilot", "none.json"), 1, "No experiment"),
        (("run", "none"), 1, "bundle"),
        (("run", "none", "--policy", "speed=1"), 2, "settings are"),
        (("run", "none", "--policy", "exploration=fast"), 2, "not a number"),
        (("run", "none", "--out", "no/such/e.json"), 2, "create it first"),
        (("read", "none.json"), 1, "No experiment"),
        (("read", "."), 1, "Cannot read"),
        (("read", "noise.bin"), 1, "no experiment of keyart"),
        (("read", "broken.json"), 1, "no experiment of keyart"),
    ],
)
def test_mistakes_are_one_sentence(keyart_command, tmp_path, monkeypatch, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "broken.json").write_text('{"format": "keyart-experiment/1"')
    before = sorted(tmp_path.iterdir())
    done = keyart_command("experiment", *arguments)
    assert done.exit_code == code, done.output
    assert said in done.stderr and "Traceback" not in done.output and done.stdout == ""
    assert sorted(tmp_path.iterdir()) == before
