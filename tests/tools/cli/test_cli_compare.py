"""`keyart simulate --compare`: several policies on the same impressions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SMALL = ["simulate", "--viewers", "8", "--titles", "4", "--rounds", "2", "--steps", "2"]


def test_as_json_and_as_table(tmp_path: Path, keyart_command) -> None:
    arguments = [*SMALL, "--compare", "federated,none,best-fixed"]
    document = json.loads(keyart_command(*arguments, "--plot", tmp_path / "plot.png", "--json").stdout)

    first, second, third = document["policies"]
    assert (first["policy"], second["policy"], third["policy"]) == ("keyart", "zero-shot + head", "best fixed")
    assert first["apart_from_first"] == {} and set(second["apart_from_first"]["capture"]) == {"value", "low", "high"}
    assert len(first["capture_by_round"]) == 2
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    assert json.loads(keyart_command(*SMALL, "--json").stdout)["capture"] == first["figures"]["capture"]["value"]
    assert "paired difference" in keyart_command(*arguments).stdout


def test_a_world_of_ones_own(own_worlds: Path, keyart_command) -> None:
    arguments = [
        "simulate",
        "--world",
        "my_worlds:small",
        "--rounds",
        "2",
        "--steps",
        "2",
        "--compare",
        "random,oracle",
    ]

    assert json.loads(keyart_command(*arguments, "--json").stdout)["policies"][1]["figures"]["capture"]["value"] == 1
    failed = keyart_command(*arguments[:2], "my_worlds:late", "--rounds", "1", "--steps", "1", *arguments[-2:])
    assert failed.exit_code == 1 and "my_worlds.py" in failed.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--compare", "federated"],
        ["--compare", "federated,mars"],
        ["--compare", "federated,federated"],
        ["--compare", "federated,central", "--learner", "none"],
        ["--compare", "federated,central", "--no-head"],
        ["--compare", "federated,central", "--epsilon", "8"],
        ["--compare", "federated,central", "--out", "b"],
        ["--compare", "federated,central", "--suite"],
    ],
)
def test_wrong_use(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyart_command) -> None:
    monkeypatch.chdir(tmp_path)
    done = keyart_command("simulate", *arguments)

    assert done.exit_code == 2, done.output
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert list(tmp_path.iterdir()) == []
