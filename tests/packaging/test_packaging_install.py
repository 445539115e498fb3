"""Both wheels in fresh environments, on each Python of this machine: what they bring, and that it works there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from support.catalogs import sample_bundle, sample_catalog
from support.interpreters import VERSIONS, interpreter

import keyart
from keyart_tools.cli.missing_package import EXTRAS

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
# The three that the SDK names, and what those need in their turn.
NAMED = {"keyart", "numpy", "onnxruntime", "cryptography"}
NEEDED_BY_THEM = {"cffi", "flatbuffers", "packaging", "protobuf", "pycparser"}
CHOOSE = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
import keyart
folder, *engines = sys.argv[1:]
catalog = keyart.Catalog.load(Path(folder, "catalog.json"))
title = catalog.titles[0]
probabilities = []
for engine in engines:
    art = keyart.Personalizer.open(
        f"{engine}.db", catalog=catalog, bundle=Path(folder, "bundle"), engine=engine,
        keys=keyart.PassphraseKey("a passphrase"),
    )
    with art:
        art.consent.grant("personalization")
        art.record(keyart.View(title.id, at=datetime.now(UTC), seconds=5400, device="tv"))
        context = keyart.Context("tv", datetime.now(UTC))
        decision = art.choose(title.id, context)
        art.observe(decision.id, keyart.Outcome.played(seconds=3000))
        assert len(art.choose_page([entry.id for entry in catalog.titles], context)) == len(catalog.titles)
        assert art.explain(decision.id).factors and json.dumps(art.export())
        assert decision.model_version == 1, decision
        art.forget()
print("onnxruntime" in sys.modules)
"""
IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A folder with both wheels, a catalogue and a bundle."""
    folder = tmp_path_factory.mktemp("shipped")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", folder, ROOT / "sdk", ROOT], check=True)
    sample_catalog().save(folder / "catalog.json")
    sample_bundle(folder / "bundle", sample_catalog())
    return folder


class Environment:
    """A new virtual environment, without this checkout on its path."""

    def __init__(self, folder: Path, shipped: Path, python: Path) -> None:
        self.folder, self.shipped = folder, shipped
        self.uv("venv", "--python", python, folder / "env")
        self.python = folder / "env" / "bin" / "python"

    def uv(self, *arguments: object) -> str:
        return self.run(UV, *arguments, "--quiet")

    def run(self, *command: object, fails: bool = False) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        text = [str(part) for part in command]
        done = subprocess.run(text, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    def keyart(self, *arguments: object, fails: bool = False) -> str:
        return self.run(self.python.with_name("keyart"), *arguments, fails=fails)

    def install(self, *arguments: object) -> None:
        self.uv("pip", "install", "--python", self.python, "--find-links", self.shipped, *arguments)

    def install_locked(self, lock: str, *wheels: str) -> None:
        """Install what a lock names, each file compared with its hash, then our wheels with nothing else."""
        self.install("--require-hashes", "-r", ROOT / "locks" / lock)
        self.install("--no-deps", "--no-index", *wheels)
        self.uv("pip", "check", "--python", self.python)

    def brought(self) -> set[str]:
        listed = self.run(UV, "pip", "list", "--python", self.python, "--format", "json")
        return {entry["name"] for entry in json.loads(listed)}


MakeEnvironment = Callable[[str], Environment]


@pytest.fixture
def environment(tmp_path: Path, shipped: Path) -> MakeEnvironment:
    return lambda version: Environment(tmp_path, shipped, interpreter(version))


@pytest.mark.service
@pytest.mark.parametrize("version", VERSIONS)
def test_the_sdk_alone_chooses_on_both_engines(version: str, environment: MakeEnvironment, shipped: Path) -> None:
    fresh = environment(version)
    fresh.install_locked("device.txt", "keyart")

    assert NAMED <= fresh.brought() <= NAMED | NEEDED_BY_THEM
    assert not fresh.python.with_name("keyart").exists()
    assert fresh.run(fresh.python, "-W", "error", "-c", CHOOSE, shipped, "numpy", "onnxruntime").strip() == "True"


@pytest.mark.service
@pytest.mark.parametrize("version", VERSIONS)
def test_the_command_works_without_extras(version: str, environment: MakeEnvironment, shipped: Path) -> None:
    """`pip install keyart[tools]`: both wheels, and no package of an extra that they do not need."""
    fresh = environment(version)
    fresh.install("-c", ROOT / "locks" / "all.txt", f"keyart[tools]=={keyart.__version__}")

    assert {"keyart", "keyart-tools", "onnxruntime"} <= fresh.brought()
    assert fresh.keyart("--version") == f"keyart, version {keyart.__version__}\n"
    assert "Commands:" in fresh.keyart("--help")
    said = fresh.keyart("serve", "--data", "data", fails=True)
    assert re.fullmatch(r"Error: \w+ is not installed; run pip install 'keyart\[server\]'\.\n", said)
    assert not (fresh.folder / "data").exists()
    (fresh.folder / "film.mp4").touch()
    assert "run pip install 'keyart[tagging]'." in fresh.keyart("tag", "film.mp4", "--out", "film", fails=True)

    # As on a phone, where the marker leaves it out: nothing asks for onnxruntime.
    fresh.uv("pip", "uninstall", "--python", fresh.python, "onnxruntime")
    assert fresh.run(fresh.python, "-W", "error", "-c", CHOOSE, shipped, "numpy", "auto").strip() == "False"
    refused = fresh.run(fresh.python, "-c", CHOOSE, shipped, "onnxruntime", fails=True)
    assert "engine='numpy'" in refused.splitlines()[-1]
    assert json.loads(fresh.keyart("verify", shipped / "bundle", "--json"))["vectors_reproduced"] >= 8
    demo = ["demo", "--world", "synthetic", "--viewers", 20, "--rounds", 1, "--out", "demo", "--json"]
    assert json.loads(fresh.keyart(*demo))["bundle"]


@pytest.mark.service
@pytest.mark.parametrize("version", VERSIONS)
def test_all_extras_have_what_every_module_imports(version: str, environment: MakeEnvironment) -> None:
    fresh = environment(version)
    fresh.install_locked("all.txt", "keyart", "keyart-tools")

    checks = {entry["name"]: entry for entry in json.loads(fresh.keyart("doctor", "--json"))["findings"]}
    assert checks["Python"]["state"] == checks["packages"]["state"] == checks["extras"]["state"] == "ok", checks
    fresh.run(fresh.python, "-c", IMPORT_ALL, "keyart", "keyart_federated", "keyart_server", "keyart_tools")
    fresh.run(fresh.python, "-c", f"import {', '.join(sorted(set().union(*EXTRAS.values())))}")


@pytest.mark.soak
def test_pip_installs_the_sdk_and_it_chooses(tmp_path: Path, shipped: Path) -> None:
    """What the others do with uv, once as most people do it."""

    def run(*command: object) -> str:
        text = [str(part) for part in command]
        return subprocess.run(text, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "install", "--only-binary", ":all:", "--find-links", shipped, f"keyart=={keyart.__version__}")

    brought = {entry["name"].lower() for entry in json.loads(run(*pip, "list", "--format", "json"))}
    assert NAMED <= brought <= NAMED | NEEDED_BY_THEM | {"pip", "setuptools"}
    assert run(python, "-c", CHOOSE, shipped, "numpy", "onnxruntime").strip() == "True"
