"""Wrong inputs for every command: exit code 1 or 2, one sentence on stderr, no traceback, and nothing left behind.

`test_cli_wrong_use.py` holds what is particular to a command. A new command that reads is one line in READS.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import keyart
from keyart.model.features import FeatureSpec
from keyart.model.features.encode import EncodedCatalog
from keyart_federated.export import ModelFile
from keyart_federated.learning.model import GlobalModel
from keyart_tools.cli import main

SECONDS = 25  # after which a mistake should have been told

# Each command that reads something first: its words, with {} for what it reads.
READS = {
    "catalog": "catalog import {} --out made.json",
    "compose": "compose {} --out made",
    "evaluate": "evaluate {}",
    "experiment": "experiment read {}",
    "export": "export {} --out made",
    "history": "history import {} --catalog catalog.json --dry-run",
    "inspect": "inspect {}",
    "quantize": "quantize {}",
    "tag": "tag {}",
    "train": "train {} --catalog catalog.json --out made.npz",
    "verify": "verify {}",
}
# What none of them reads.
INPUTS = ("nowhere", "random", "random.json", "broken.json", "other.json", "nothing", "empty", "folder")

# Settings that make no sense, and places that cannot be written.
SETTINGS = [
    "catalog import library --out text.txt",
    "catalog import library --out full",
    "catalog import library --out nowhere/made.json",
    "catalog import library --kind csv --out made.json",
    "catalog import library --kind poster --out made.json",
    "catalog import library nowhere --out made.json",
    "catalog import library",
    "catalog merge catalog.json --out made.json",
    "catalog merge catalog.json broken.json --out made.json",
    "catalog merge catalog.json nowhere --out made.json",
    "catalog merge catalog.json catalog.json --out text.txt",
    "catalog pack catalog.json",
    "catalog pack broken.json --out made.json",
    "catalog pack catalog.json --out text.txt",
    "catalog measure random",
    "catalog measure catalog.json --out text.txt",
    "catalog check random",
    "catalog check folder",
    "catalog show broken.json",
    "catalog show catalog.json --title nobody",
    "catalog show catalog.json --sheet sheet.gif",
    "catalog show catalog.json --sheet nowhere/sheet.html",
    "catalog show catalog.json --limit 0",
    "bench --out text.txt",
    "bench --repeat 3",
    "completion",
    "completion tcsh",
    "compose still.jpg --out text.txt",
    "compose still.jpg --out text.txt/made",
    "compose still.jpg --out made --crops circle",
    "compose still.jpg --out made --title ''",
    "compose still.jpg --out made --keys text.txt",
    "compose still.jpg --out made --keys text.txt/keys",
    "compose still.jpg nowhere --out made",
    "compose still.jpg random --out made",
    "compose still.jpg folder --out made",
    "demo --viewers -5",
    "demo --world synthetic --titles 0",
    "doctor --profile",
    "doctor --format xml",
    "doctor nowhere",
    "export model.npz --out made --version -1",
    "export model.npz --out full",
    "export model.npz --out text.txt",
    "export model.npz --out made --parent empty",
    "export model.npz --out made --limits ''",
    "history import views.csv --catalog nowhere --dry-run",
    "history import views.csv --catalog random --dry-run",
    "history import views.csv --catalog catalog.json",
    "history import views.csv --catalog catalog.json --profile random --passphrase-file text.txt --consent",
    "history import views.csv --catalog catalog.json --profile me.db --passphrase-file nothing --consent",
    "history import views.csv --catalog catalog.json --profile text.txt/me.db --passphrase-file text.txt --consent",
    "history views.csv --catalog broken.json --dry-run",
    "inspect",
    "inspect bundle nowhere",
    "inspect bundle random",
    "inspect bundle catalog.json",
    "inspect bundle bundle bundle",
    "inspect catalog.json --title nobody",
    "models fetch everything",
    "privacy epsilon --noise nan --rounds 3",
    "privacy epsilon --noise 1 --rounds -3",
    "privacy epsilon --noise 1 --rounds 3 --delta 1",
    "privacy epsilon --noise 1 --rounds 3 --rate 2",
    "privacy epsilon --noise 1 --rounds 3 --l2 100",
    "privacy plan",
    "privacy plan --dimension 3000 --epsilon nan",
    "privacy plan --dimension 3000 --epsilon inf",
    "privacy plan --dimension 3000 --epsilon -1",
    "privacy plan --dimension 3000 --plot chart.xyz",
    "quantize bundle --out made",
    "quantize bundle --slates 0",
    "quantize model.npz --world mars",
    "quantize model.npz --log log.jsonl",
    "quantize model.npz --slates 50 --out full",
    "quantize model.npz --slates 50 --plot text.txt/int8.png",
    "quantize model.npz --slates 50 --plot int8.xyz",
    "simulate --world synthetic --viewers 4 --titles 3 --rounds 1 --steps 1 --epsilon nan",
    "simulate --world synthetic --viewers 4 --titles 3 --rounds 1 --steps 1 --epsilon 1 --delta 2",
    "simulate --world synthetic --viewers 4 --titles 3 --rounds 1 --steps 1 --out text.txt",
    "simulate --world synthetic --viewers 4 --titles 3 --rounds 1 --steps 1 --plot text.txt/plot.png",
    "simulate --world :",
    "simulate --world os:getcwd",
    "simulate --delta 1e-6",
    "simulate --suite --worlds mars",
    "simulate --suite --policies luck",
    "tag film.mp4 --out made --count -1",
    "tag film.mp4 --out made --count 0",
    "tag film.mp4 --out made --cast nowhere",
    "tag film.mp4 --out made --cast broken.json",
    "tag film.mp4 --out made --corrections random.json",
    "tag film.mp4 --out made --reviews random",
    "tag film.mp4 --out made --reviews folder",
    "tag film.mp4 --out made --subtitles nothing",
    "tag film.mp4 --out made --subtitles text.txt",
    "tag film.mp4 --out made --subtitles random",
    "tag film.mp4 --out full",
    "tag film.mp4 --out text.txt",
    "tag film.mp4 --out text.txt/made",
    "train log.jsonl --catalog nowhere --out made.npz",
    "train log.jsonl --catalog catalog.json --out made.npz --passes 0",
    "train log.jsonl --catalog catalog.json --out made.npz --held-out 2",
    "train log.jsonl --catalog catalog.json --out made.npz --held-out nan",
    "train log.jsonl --catalog catalog.json --out nowhere/made.npz",
    "train log.jsonl --catalog catalog.json --out full",
    "train log.jsonl --catalog catalog.json --out text.txt",
    "train log.jsonl --catalog catalog.json --out made.npz",
    "serve",
    "serve --port 0 --data text.txt",
    "serve --port 99999 --data made",
    "serve --port 0 --data text.txt/made",
    "serve --port 0 --data made --bundle random",
    "serve --port 0 --data made --database-url nonsense",
    "serve --port 0 --data made --catalog text.txt",
    "serve --port 0 --data made --catalog missing.json",
    "serve --port 0 --data made --superlink here:9092",
    "serve --port 0 --data made --superlink here:9092 --superlink-ca missing.pem",
    "keys nothing",
    "keys create",
    "keys create --no-passphrase --offline text.txt/made --data made",
    "issuer",
    "issuer --data text.txt --port 0",
    "issuer --data made --port 99999",
    "issuer --data made --vouchers 0",
    "issuer --data made --vouchers 2 --revoke ab",
    "issuer --data made --attestation nonsense --port 0",
    "audit list",
    "budget show --server nowhere",
    "campaign list --server http://localhost:1 --token-file missing.token",
    "campaign show --server ftp://localhost",
    "campaign create --kind luck --name a --server http://localhost:1",
    "database upgrade --database-url nonsense",
    "fleet show --server http://localhost:1 --token-file folder",
    "login --server nonsense --token-file text.txt",
    "logout --nonsense",
    "publish random --data made",
    "release promote --server http://localhost:1",
    "top --once --server http://localhost:1 --token-file missing.token",
    "gateway",
    f"gateway --port 0 --name west --issuer {'ab' * 32} --database-url nonsense",
    f"gateway --port 0 --name west --issuer {'ab' * 32} --database-url sqlite:///missing.db",
    "gateway --port 0 --name west --issuer key --database-url sqlite:///missing.db",
    f"gateway --port 0 --name west --issuer {'ab' * 32} --database-url sqlite:///missing.db --node-key text.txt",
    f"gateway --port 0 --host 0.0.0.0 --name west --issuer {'ab' * 32} --database-url sqlite:///missing.db",
    "verify bundle --engine cuda",
    "verify bundle extra",
    "nonsense",
    "--nonsense",
]
MISTAKES = [
    words.format(wrong) for name, words in READS.items() if name in main.commands for wrong in INPUTS
] + SETTINGS

# A handful in a process of their own, as a person starts it.
ALONE = ["verify random", "inspect broken.json", "privacy plan --dimension 3000 --epsilon nan", "doctor --format xml"]


@pytest.fixture(scope="module")
def things(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder full of what a command does not expect, and one whole thing of each kind."""
    here = tmp_path_factory.mktemp("things") / "here"
    shutil.copytree(shipped, here)  # bundle/ and catalog.json
    for name in ("empty", "full", "folder"):
        (here / name).mkdir()
    (here / "full" / "holiday.jpg").write_bytes(b"\xff\xd8")
    (here / "folder" / "notes.txt").write_text("hello\n")
    (here / "library").mkdir()
    (here / "library" / "movie.nfo").write_text("<movie><title>Night Ferry</title></movie>\n")
    (here / "library" / "poster.jpg").write_bytes(b"\xff\xd8\xff\xe0 a picture")
    (here / "text.txt").write_text("hello\n")
    (here / "nothing").touch()
    (here / "random").write_bytes(os.urandom(4096))
    (here / "random.json").write_bytes(os.urandom(4096))
    (here / "broken.json").write_text('{"titles": [{"id": "t1", ')
    (here / "other.json").write_text('{"titles": 7, "views": null}')
    (here / "views.csv").write_text("Title,Date\nTitle 1,25/2/26\n")
    (here / "log.jsonl").write_text('{"format": "keyart-log/1", "data": "nobody"}\n')
    catalog = keyart.Catalog.load(here / "catalog.json")
    model = GlobalModel.zero_shot(EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog)))
    ModelFile(model, catalog, "nothing", {}, {}).save(here / "model.npz")
    Image.new("RGB", (640, 360), "teal").save(here / "still.jpg")
    write_film(here / "film.mp4")
    return here


def write_film(path: Path) -> None:
    """A second and a half of colours."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=20, width=320, height=180)
        for number in range(30):
            picture = np.full((180, 320, 3), 8 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())


@pytest.fixture
def untidy(things: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `things` as the working folder, and a home beside it."""
    here = shutil.copytree(things, tmp_path / "here")
    monkeypatch.chdir(here)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))  # where matplotlib keeps its list of fonts, too
    return here


def tree(folder: Path) -> dict[str, str]:
    """Each file with a digest, each folder as such."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in folder.rglob("*")
    }


def assert_told(code: int, stdout: str, stderr: str) -> None:
    assert code in (1, 2), stdout + stderr
    assert stdout == "" and "Traceback" not in stderr
    usage, _, sentence = stderr.rpartition("Error: ")
    assert len(sentence) > 15
    assert "\n" not in sentence.partition("Choose from:")[0].strip()  # click lists the choices a line each
    assert not usage or code == 2, usage


@pytest.mark.parametrize("words", MISTAKES)
def test_mistake_is_told_and_leaves_nothing(words: str, untidy: Path, keyart_command) -> None:
    before = tree(untidy)
    began = time.perf_counter()

    done = keyart_command(*shlex.split(words))

    assert time.perf_counter() - began < SECONDS
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert_told(done.exit_code, done.stdout, done.stderr)
    assert tree(untidy) == before


@pytest.mark.parametrize("words", ALONE)
def test_mistake_in_a_process_of_its_own(words: str, untidy: Path) -> None:
    before = tree(untidy)
    program = "from keyart_tools.cli import main; main(prog_name='keyart')"
    done = subprocess.run(
        [sys.executable, "-c", program, *shlex.split(words)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert_told(done.returncode, done.stdout, done.stderr)
    assert tree(untidy) == before


def test_every_command_has_its_mistakes() -> None:
    assert set(main.commands) <= {words.split()[0] for words in MISTAKES}
    assert len(set(MISTAKES)) == len(MISTAKES) >= 60
