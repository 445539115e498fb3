"""The web SDK in Hermes, the engine of React Native, computes what the Python SDK computes."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from support.services import missing

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def tools(built: Path) -> Path:
    """The folder of the test in Hermes, with two engines and the tools of a React Native build."""
    folder = built / "test/hermes"
    shutil.copy(built / ".npmrc", folder / ".npmrc")
    fetched = subprocess.run(["npm", "ci"], cwd=folder, capture_output=True, text=True, check=False)
    if fetched.returncode:
        missing(f"npm ci failed: {fetched.stderr.strip()[-300:]}")
    return folder


@pytest.fixture(scope="module")
def scripts(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the test as one script for the engine of 2022, and one for today's."""
    folder = tmp_path_factory.mktemp("hermes")
    subprocess.run(["node", "build.mjs", str(folder)], cwd=tools, check=True)
    return folder


def engine(tools: Path, package: str, program: str) -> Path:
    """Return the path of a program for Linux, the only system on which this is tried."""
    found = sorted((tools / "node_modules" / package).rglob(f"linux64-bin/{program}"))
    if not found:
        missing(f"{package} has no {program} for this system")
    return found[0]


def test_every_case_and_an_evening(tools: Path, scripts: Path, bundles: Path) -> None:
    files = {
        folder.name: {path.name: base64.b64encode(path.read_bytes()).decode() for path in folder.iterdir()}
        for folder in bundles.iterdir()
    }
    script = scripts / "all.js"
    script.write_text(
        f"globalThis.BUNDLES = {json.dumps(files)};\n{(scripts / 'old.js').read_text(encoding='utf-8')}",
        encoding="utf-8",
    )
    hermes = engine(tools, "hermes-engine-cli", "hermes")
    done = subprocess.run([str(hermes), "-w", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, f"checked {10 * len(files)}"), done.stdout[-2000:]


def test_the_present_engine_takes_what_is_published(tools: Path, scripts: Path) -> None:
    """Only the compiler of Hermes 1 can be had without a phone; it refuses what its engine does not know."""
    compiler = engine(tools, "hermes-compiler", "hermesc")
    out = scripts / "current.hbc"
    done = subprocess.run(
        [str(compiler), "-w", "-emit-binary", "-out", str(out), str(scripts / "current.js")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert out.stat().st_size > 100_000
