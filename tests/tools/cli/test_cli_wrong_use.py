"""Whatever is handed to the command: exit code 1 or 2, one sentence on stderr, never a traceback."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

MISTAKES: dict[str, tuple[int, list[str]]] = {
    "demo of an unknown world": (2, ["demo", "--world", "mars"]),
    "demo with no rounds": (2, ["demo", "--rounds", "0"]),
    "demo with a negative seed": (2, ["demo", "--seed", "-1"]),
    "demo into a file": (2, ["demo", "--out", "text.txt"]),
    "simulate an unknown world": (1, ["simulate", "--world", "mars"]),
    "negative rounds": (2, ["simulate", "--rounds", "-3"]),
    "rounds that are no number": (2, ["simulate", "--rounds", "many"]),
    "no viewers": (2, ["simulate", "--viewers", "0"]),
    "an unknown learner": (2, ["simulate", "--learner", "oracle"]),
    "a module that is not there": (1, ["simulate", "--world", "nowhere_at_all:factory"]),
    "a module that is no Python": (1, ["simulate", "--world", "not_python:factory"]),
    "a factory that is not there": (1, ["simulate", "--world", "my_worlds:nobody"]),
    "a factory that is no function": (1, ["simulate", "--world", "my_worlds:value"]),
    "a factory that makes no world": (1, ["simulate", "--world", "my_worlds:no_world"]),
    "a factory that fails": (1, ["simulate", "--world", "my_worlds:broken"]),
    "a world that fails late": (1, ["simulate", "--world", "my_worlds:late", "--rounds", "1", "--steps", "1"]),
    "a factory without titles": (1, ["simulate", "--world", "my_worlds:small", "--titles", "9"]),
    "more impressions than the world has": (
        1, ["simulate", "--world", "my_worlds:small", "--rounds", "3", "--steps", "9"],
    ),
    "out is somebody's folder": (2, ["simulate", "--out", "full"]),
    "a plot of an unknown kind": (
        2, ["simulate", "--viewers", "4", "--titles", "3", "--rounds", "1", "--steps", "1", "--plot", "x.xyz"],
    ),
}  # fmt: skip


@pytest.fixture
def untidy(own_worlds: Path) -> Path:
    (own_worlds / "text.txt").write_text("hello\n", encoding="utf-8")
    (own_worlds / "other.json").write_text('{"titles": []}', encoding="utf-8")
    for name in ("empty", "random", "full"):
        (own_worlds / name).mkdir()
    (own_worlds / "random" / "manifest.json").write_bytes(os.urandom(2000))
    (own_worlds / "full" / "holiday.jpg").write_bytes(b"\xff\xd8")
    return own_worlds


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_a_sentence(mistake: str, untidy: Path, keyart_command) -> None:
    code, arguments = MISTAKES[mistake]

    done = keyart_command(*arguments)

    assert done.exit_code == code, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    *usage, sentence = done.stderr.strip().splitlines()
    assert sentence.startswith("Error: ") and len(sentence) > 20
    assert not usage or code == 2
    assert (untidy / "full" / "holiday.jpg").exists()


def test_the_users_world_is_told_where_it_failed(own_worlds: Path, keyart_command) -> None:
    done = keyart_command("simulate", "--world", "my_worlds:broken")

    assert "KeyError" in done.stderr and "my_worlds.py, line 5" in done.stderr


def test_unknown_title(shipped: Path, keyart_command) -> None:
    done = keyart_command("inspect", shipped / "catalog.json", "--title", "nothing")

    assert done.exit_code == 1
    assert "nothing" in done.stderr and "Traceback" not in done.output


def test_catalogue_with_a_double_id(shipped: Path, tmp_path: Path, keyart_command) -> None:
    text = (shipped / "catalog.json").read_text(encoding="utf-8")
    (tmp_path / "double.json").write_text(text.replace('"s0001"', '"s0000"'), encoding="utf-8")

    done = keyart_command("inspect", tmp_path / "double.json")

    assert done.exit_code == 1
    assert "s0000" in done.stderr


def test_a_folder_that_may_not_be_written(tmp_path: Path, keyart_command) -> None:
    (tmp_path / "file").write_text("in the way")

    done = keyart_command(
        "demo", "--world", "synthetic", "--viewers", "4", "--titles", "3", "--rounds", "1", "--steps", "1",
        "--out", tmp_path / "file" / "below",
    )  # fmt: skip

    assert done.exit_code == 1
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch, shipped: Path, keyart_command) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("keyart.bundle.verify", interrupted)

    done = keyart_command("verify", shipped / "bundle")

    assert done.exit_code == 130
    assert done.output == ""


@pytest.mark.slow
def test_copies_stay_apart(shipped: Path, tmp_path: Path, keyart_command) -> None:
    """A bundle's own folder may be written again, since it holds a bundle and nothing else."""
    shutil.copytree(shipped / "bundle", tmp_path / "again")

    done = keyart_command(
        "simulate", "--viewers", "6", "--titles", "3", "--rounds", "1", "--steps", "2", "--out", tmp_path / "again"
    )

    assert done.exit_code == 0, done.output
