"""`keyart export`: a bundle that verifies, follows its parent, and takes nobody's place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.training import coarse, fitted, untrained

from keyart.bundle import Manifest, verify


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fitted().file.save(tmp_path / "model.npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "model.npz"


def test_a_bundle_and_its_successor(model: Path, keyart_command) -> None:
    done = keyart_command("export", "model.npz", "--out", "first")
    assert done.exit_code == 0, done.output
    assert "verified" in done.stdout

    arguments = ["export", "model.npz", "--out", "next", "--parent", "first", "--limits", "Films only.", "--json"]
    document = json.loads(keyart_command(*arguments).stdout)
    assert (document["model_version"], document["parent"]) == (2, 1)
    assert document["vectors_reproduced"] >= 8
    manifest = verify("next", installed=Manifest.read("first"))
    assert manifest.digest == document["digest"]
    assert manifest.card["limits"] == "Films only." and manifest.card["data"] == fitted().file.data
    assert manifest.quality["held_out_value"] == fitted().file.quality["held_out_value"]
    assert manifest.training["learner"] == "log"


def test_a_missed_bar_of_int8(model: Path, keyart_command) -> None:
    coarse().save(model)
    before = sorted(model.parent.iterdir())

    done = keyart_command("export", "model.npz", "--out", "b")
    assert done.exit_code == 1 and done.stdout == ""
    assert "points below the bar of 98.5%" in done.stderr and "b was not written" in done.stderr
    assert "--force" in done.stderr
    assert sorted(model.parent.iterdir()) == before

    done = keyart_command("export", "model.npz", "--out", "b", "--force")
    assert done.exit_code == 0 and "Going on because of --force" in done.stderr
    assert verify("b").quality["int8_same_winner"] < 0.985


def test_an_untrained_model_says_so(model: Path, keyart_command) -> None:
    untrained().save(model)
    done = keyart_command("export", "model.npz", "--out", "b")
    assert done.exit_code == 0 and "has never been trained" in done.stderr
    fitted().file.save(model)
    assert "never been trained" not in keyart_command("export", "model.npz", "--out", "c").stderr


def test_only_an_older_bundle_is_replaced(model: Path, keyart_command) -> None:
    keyart_command("export", "model.npz", "--out", "b", "--version", "3")
    before = Manifest.read("b").digest

    for version in ("3", "2"):
        done = keyart_command("export", "model.npz", "--out", "b", "--version", version)
        assert done.exit_code == 2 and "--version 4" in done.stderr
    assert Manifest.read("b").digest == before

    assert keyart_command("export", "model.npz", "--out", "b", "--version", "4").exit_code == 0
    assert Manifest.read("b").model_version == 4


@pytest.mark.parametrize("kind", ["somebody's files", "a damaged bundle", "a bundle and more"])
def test_anything_else_stays(model: Path, kind: str, keyart_command) -> None:
    out = model.parent / "out"
    if kind == "somebody's files":
        out.mkdir()
        (out / "holiday.jpg").write_bytes(b"\xff\xd8")
    else:
        keyart_command("export", "model.npz", "--out", out)
        (out / ("more.txt" if kind == "a bundle and more" else "ranker.bin")).write_bytes(b"hello")
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    done = keyart_command("export", "model.npz", "--out", out, "--version", "9")

    assert done.exit_code == 2 and "something other than a valid bundle" in done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere", "--out", "b"], 1),
        ([".", "--out", "b"], 1),
        (["random", "--out", "b"], 1),
        (["model.npz"], 2),
        (["model.npz", "--out", "random"], 2),
        (["model.npz", "--out", "b", "--parent", "nowhere"], 1),
        (["model.npz", "--out", "b", "--parent", "random"], 1),
        (["model.npz", "--out", "b", "--limits", " "], 2),
        (["model.npz", "--out", "b", "--version", "-1"], 2),
    ],
)
def test_wrong_use(model: Path, arguments: list[str], code: int, keyart_command) -> None:
    (model.parent / "random").write_bytes(bytes(range(256)))
    before = sorted(model.parent.iterdir())

    done = keyart_command("export", *arguments)

    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output and done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert sorted(model.parent.iterdir()) == before


def test_a_folder_without_a_name(model: Path, keyart_command, monkeypatch: pytest.MonkeyPatch) -> None:
    (model.parent / "here").mkdir()
    monkeypatch.chdir(model.parent / "here")

    for arguments in (["export", model, "--out", "."], ["simulate", "--out", "."]):
        done = keyart_command(*arguments)
        assert done.exit_code in (1, 2) and "name a folder" in done.stderr
    assert list(Path().iterdir()) == []


def test_a_version_before_the_parents(model: Path, keyart_command) -> None:
    keyart_command("export", "model.npz", "--out", "first", "--version", "5")
    done = keyart_command("export", "model.npz", "--out", "b", "--parent", "first", "--version", "5")

    assert done.exit_code == 2 and "must be greater than the parent's" in done.stderr
