"""`keyart compose`: pictures in, signed pictures out; mistakes in, one sentence out and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from support.pictures import doll, landscape, tagged

from keyart import Catalog
from keyart_tools.cli.compose import CROPS
from keyart_tools.compose import read_credentials
from keyart_tools.compose.composer import SHAPES


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no models"))
    Image.fromarray(doll()[0]).save("doll.png")
    Image.fromarray(landscape(800, 450, seed=1)).save("lawn.jpg", quality=95)
    (tmp_path / "text.jpg").write_text("hello\n")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_crops_are_those_of_the_room() -> None:
    assert tuple(SHAPES) == CROPS


@pytest.mark.slow
def test_two_pictures(keyart_command, here: Path) -> None:
    done = keyart_command("compose", "doll.png", "lawn.jpg", "--title", "A Film", "--out", "out", "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["synthetic"] and set(result["files"]) == set(CROPS) and result["skipped"] == {}
    for name in CROPS:
        assert read_credentials(here / "out" / f"{name}.jpg")["state"] == "valid"
    assert (here / "settings/keyart/credentials/signing.key").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_tagging_folder_gets_its_artwork(keyart_command, here: Path) -> None:
    folder = tagged(here / "film", {"doll": doll()[0], "lawn": landscape()}, licence="CC BY 3.0, a studio")
    for _ in range(2):  # the second run replaces the first
        done = keyart_command("compose", folder, "--out", "film/composed", "--crops", "square,tv")
        assert done.exit_code == 0, done.output
        catalog = Catalog.load(folder / "catalog.json")
        (artwork,) = [one for one in catalog["film"].artworks if one.synthetic]
        assert artwork.image == "composed/square.jpg" and (folder / artwork.image).is_file()
    assert b"CC BY 3.0, a studio" in (folder / "composed/tv.jpg").read_bytes()


@pytest.mark.slow
def test_a_folder_without_a_clear_subject_is_cropped(keyart_command, here: Path) -> None:
    folder = tagged(here / "film", {"a": landscape(seed=1), "b": landscape(seed=2)})
    before = (folder / "catalog.json").read_bytes()
    done = keyart_command("compose", folder, "--crops", "tv", "--json")
    assert done.exit_code == 0 and not json.loads(done.stdout)["synthetic"]
    assert "cropped instead of composed" in done.stderr
    assert (folder / "catalog.json").read_bytes() == before


@pytest.mark.slow
def test_the_table(keyart_command) -> None:
    done = keyart_command("compose", "doll.png", "--crops", "tv", "--drawn")
    assert done.exit_code == 0 and "build/composed/tv.jpg" in done.stdout and "digitalCreation" in done.stdout
    assert "Cropped from picture doll.png" in done.stdout


MISTAKES: dict[str, tuple[int, list[str]]] = {
    "nothing": (2, []),
    "missing": (1, ["nowhere.jpg"]),
    "a text": (1, ["text.jpg"]),
    "random bytes": (1, ["random.jpg"]),
    "an empty folder": (1, ["empty"]),
    "broken JSON": (1, ["broken"]),
    "a background that is none": (1, ["doll.png", "text.jpg"]),
    "a subject that is none": (1, ["lawn.jpg", "doll.png"]),
    "an unknown crop": (2, ["doll.png", "--crops", "cinema"]),
    "no crop": (2, ["doll.png", "--crops", ""]),
    "out is a file": (2, ["doll.png", "--out", "text.jpg"]),
    "out is somebody's": (1, ["doll.png", "--out", "mine"]),
    "out cannot be made": (1, ["doll.png", "--out", "text.jpg/out"]),
    "letters that are not there": (1, ["doll.png", "--title", "映画"]),
    "an empty title": (1, ["doll.png", "--title", " "]),
    "keys that are none": (1, ["doll.png", "--keys", "broken_keys"]),
    "keys in a file": (2, ["doll.png", "--keys", "text.jpg"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_a_sentence(mistake: str, here: Path, keyart_command) -> None:
    (here / "random.jpg").write_bytes(os.urandom(5000))
    for folder, name, data in [
        ("broken", "tagging.json", b"{"),
        ("broken_keys", "signing.key", b"x"),
        ("broken_keys", "chain.pem", b"x"),
        ("mine", "tv.jpg", b"holiday"),
    ]:
        (here / folder).mkdir(exist_ok=True)
        (here / folder / name).write_bytes(data)
    (here / "broken_keys/signing.key").chmod(0o600)
    code, arguments = MISTAKES[mistake]
    before = sorted(here.rglob("*"))

    done = keyart_command("compose", *arguments)

    assert done.exit_code == code, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.stdout == "" and "Traceback" not in done.stderr
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith("Error: ") and len(sentence) > 20
    assert (here / "mine/tv.jpg").read_bytes() == b"holiday"
    new = [path for path in sorted(here.rglob("*")) if path not in before and "settings" not in path.parts]
    assert new == []


@pytest.mark.slow
def test_interrupted_it_leaves_nothing_half_written(here: Path) -> None:
    program = (  # what a shell runs in the background ignores SIGINT, and so does all that it starts
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from keyart_tools.cli import main; main(prog_name='keyart')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "compose", "doll.png", "lawn.jpg", "--out", "out"],
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        if (here / "settings").exists() or process.poll() is not None:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said
    assert not (here / "out").exists()
