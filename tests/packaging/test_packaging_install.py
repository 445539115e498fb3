"""The SDK wheel in an empty environment: what it brings, and that it chooses there. Fetches from a package index."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The three that the SDK names, and what those need in their turn; pip is the environment's own.
NAMED = {"keyart", "numpy", "onnxruntime", "cryptography"}
NEEDED_BY_THEM = {"cffi", "flatbuffers", "packaging", "protobuf", "pycparser"}
CHOOSE = """
from datetime import UTC, datetime
import keyart
pictures = [keyart.Artwork("t/a", tags={"genre:drama": 1}), keyart.Artwork("t/b", tags={"genre:comedy": 1})]
catalog = keyart.Catalog.from_titles([keyart.Title("t", tags={"genre:drama": 1}, artworks=pictures)])
with keyart.Personalizer.open("profile.db", catalog=catalog, keys=keyart.PassphraseKey("a passphrase")) as art:
    art.consent.grant("personalization")
    decision = art.choose("t", keyart.Context("tv", datetime.now(UTC)))
    art.observe(decision.id, keyart.Outcome.played(seconds=3000))
    print(decision.artwork_id)
"""


@pytest.mark.soak
def test_sdk_installs_alone_and_chooses(tmp_path):
    def run(*command: object) -> str:
        text = [str(part) for part in command]
        return subprocess.run(text, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    pip = ["-m", "pip", "--disable-pip-version-check"]
    run(sys.executable, *pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "wheels", ROOT / "sdk")
    (wheel,) = (tmp_path / "wheels").glob("keyart-*.whl")
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    run(python, *pip, "install", "--only-binary", ":all:", "-c", ROOT / "constraints.txt", wheel)
    brought = {entry["name"].lower() for entry in json.loads(run(python, *pip, "list", "--format", "json"))}
    brought -= {"pip", "setuptools"}
    print(sorted(brought))
    assert brought >= NAMED
    assert brought <= NAMED | NEEDED_BY_THEM
    assert run(python, "-c", CHOOSE).strip() in ("t/a", "t/b")
