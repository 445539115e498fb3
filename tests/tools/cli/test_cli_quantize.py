"""`keyart quantize`: the report, on a world, on a log, on nothing; of a model file and of a bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.training import coarse, fitted, log, world

from keyart.bundle import Manifest
from keyart_tools.quantization.quantization_report import SAME_WINNER_BAR, VALUE_BAR


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fitted().file.save(tmp_path / "model.npz")
    log().save(tmp_path / "log.jsonl")
    world().catalog.save(tmp_path / "catalog.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "model.npz"


@pytest.mark.slow
def test_on_a_log(model: Path, keyart_command) -> None:
    on = ["--log", "log.jsonl", "--catalog", "catalog.json", "--slates", "300"]
    done = keyart_command("quantize", "model.npz", *on, "--plot", "plot.png", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)

    assert (document["judged_on"], document["slates"], document["drawn"]) == ("log", 300, False)
    assert document["same_winner"] >= SAME_WINNER_BAR and abs(document["value_change"]) <= VALUE_BAR
    assert document["within_bars"] is True
    assert {tensor["name"] for tensor in document["tensors"]} >= {"play_artwork", "keep_main"}
    assert Path("plot.png").stat().st_size > 10_000
    table = keyart_command("quantize", "model.npz", *on).stdout
    assert "same winner" in table and "play_artwork" in table


def test_on_a_world_and_of_a_bundle(model: Path, keyart_command) -> None:
    keyart_command("export", "model.npz", "--out", "b")
    on = ["--world", "synthetic", "--viewers", "20", "--titles", "4", "--slates", "40"]
    document = json.loads(keyart_command("quantize", "b", *on, "--json").stdout)

    assert (document["judged_on"], document["slates"], document["drawn"]) == ("world", 40, True)
    assert "were drawn" in keyart_command("quantize", "b", "--slates", "40").stdout


def test_out_is_a_bundle_with_the_figures(model: Path, keyart_command) -> None:
    before = sorted(model.parent.iterdir())
    assert keyart_command("quantize", "model.npz", "--slates", "400").exit_code == 0
    assert sorted(model.parent.iterdir()) == before  # nothing is written unless asked

    assert keyart_command("quantize", "model.npz", "--slates", "400", "--out", "b").exit_code == 0
    assert Manifest.read("b").quality["int8_same_winner"] >= SAME_WINNER_BAR


def test_a_missed_bar(model: Path, keyart_command) -> None:
    coarse().save(model)
    before = sorted(model.parent.iterdir())

    done = keyart_command("quantize", "model.npz", "--slates", "300", "--out", "b", "--json")
    assert done.exit_code == 1
    document = json.loads(done.stdout)  # the report is there all the same
    assert document["within_bars"] is False and document["missed_bars"]
    assert document["missed_bars"][0] in done.stderr and "b was not written" in done.stderr
    assert sorted(model.parent.iterdir()) == before

    done = keyart_command("quantize", "model.npz", "--slates", "300", "--out", "b", "--force")
    assert done.exit_code == 0 and "--force" in done.stderr
    assert Manifest.read("b").quality["int8_same_winner"] == pytest.approx(document["same_winner"], abs=1e-6)


def test_a_log_with_a_broken_row_is_refused(model: Path, keyart_command) -> None:
    with (model.parent / "log.jsonl").open("a") as file:
        file.write("{\n")
    done = keyart_command("quantize", "model.npz", "--log", "log.jsonl", "--catalog", "catalog.json")
    line = len(Path("log.jsonl").read_text().splitlines())
    assert done.exit_code == 1 and done.stdout == "" and f"log.jsonl:{line}: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere"], 1),
        (["."], 1),
        (["catalog.json"], 1),
        (["model.npz", "--slates", "0"], 2),
        (["model.npz", "--log", "log.jsonl"], 2),
        (["model.npz", "--catalog", "catalog.json"], 2),
        (["model.npz", "--log", "catalog.json", "--catalog", "catalog.json"], 1),
        (["model.npz", "--world", "mars"], 1),
        (["model.npz", "--world", "synthetic", "--log", "log.jsonl", "--catalog", "catalog.json"], 2),
        (["model.npz", "--viewers", "3"], 2),
        (["model.npz", "--slates", "5", "--plot", "x.xyz"], 2),
        (["b", "--slates", "5", "--out", "c"], 2),
    ],
)
def test_wrong_use(model: Path, arguments: list[str], code: int, keyart_command) -> None:
    keyart_command("export", "model.npz", "--out", "b")
    before = sorted(model.parent.rglob("*"))

    done = keyart_command("quantize", *arguments)

    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output and done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert sorted(model.parent.rglob("*")) == before
