"""The BrightScript of a Roku channel scores artworks as the SDK does, in an interpreter off a Roku."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from support.services import missing

ROKU = Path(__file__).parents[2] / "examples/roku"
INTERPRETER = "@rokucommunity/brs@0.47.4"
TOLERANCE = 2e-5

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def interpreter(downloads: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None:
        missing("no npm on the PATH")
    folder = tmp_path_factory.mktemp("brs")
    (folder / "package.json").write_text("{}", encoding="utf-8")
    command = ["npm", "install", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund", INTERPRETER]
    fetched = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if fetched.returncode:
        missing(f"npm install failed: {fetched.stderr.strip()[-300:]}")
    return folder / "node_modules/.bin/brs"


def said(interpreter: Path, bundle: Path, folder: Path) -> list[str]:
    shutil.copytree(bundle, folder / "bundle")
    data = base64.b64encode((bundle / "ranker.bin").read_bytes())
    (folder / "bundle/ranker.b64").write_bytes(data)
    command = [interpreter, "--root", folder, ROKU / "keyart.brs", ROKU / "check.brs"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()


@pytest.mark.parametrize("name", ["plain", "people", "open"])
def test_scores_of_a_viewer_of_whom_nothing_is_known(
    interpreter: Path, bundles: Path, tmp_path: Path, name: str
) -> None:
    document = json.loads((bundles / name / "conformance.json").read_bytes())
    case = document["cases"][0]
    assert case["history"] == [] and case["context"]["device"] == "tv"
    *rows, (label, choice) = (line.split("|") for line in said(interpreter, bundles / name, tmp_path))
    numbers = [[float(number) for number in row[1:]] for row in rows]
    for at, (play, completion, value) in enumerate(numbers):
        assert play == pytest.approx(case["scores"]["play"][at], abs=TOLERANCE)
        assert completion == pytest.approx(case["scores"]["completion"][at], abs=TOLERANCE)
        assert value == pytest.approx(case["value"][at], abs=TOLERANCE)
    best = max(range(len(rows)), key=lambda at: case["value"][at])
    assert len(rows) == len(case["value"]) and (label, choice) == ("choice", rows[best][0])


def test_a_model_that_reads_embeddings_is_refused(interpreter: Path, bundles: Path, tmp_path: Path) -> None:
    assert said(interpreter, bundles / "embedded", tmp_path) == ["no model"]
