"""Python interpreters of this machine, by version."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
PROBE = "import ctypes, sqlite3, ssl, sys, venv; print('.'.join(map(str, sys.version_info[:2])))"


def candidates(version: str) -> Iterator[Path]:
    """Yield where an interpreter may be: on PATH, and among pyenv's."""
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from sorted(versions.glob(f"{version}.*/bin/python"), reverse=True)


def interpreter(version: str) -> Path:
    """Return an interpreter that runs and is complete; skip the test if this machine has none."""
    for path in candidates(version):
        done = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:  # pyenv's own programs on PATH start what is set, or nothing
            return path
    pytest.skip(f"there is no Python {version} here")
