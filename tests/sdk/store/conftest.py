"""A host with a key store in memory, and a way to run a piece of a program in another process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from keyart.store.keys import HostKey


@dataclass
class Host:
    """The host's key store: a dictionary that can be told to fail."""

    secrets: dict[str, bytes] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)

    def get(self, name: str) -> bytes | None:
        self._fail("get", name)
        return self.secrets.get(name)

    def put(self, name: str, secret: bytes) -> None:
        self._fail("put", name)
        self.secrets[name] = secret

    def delete(self, name: str) -> None:
        self._fail("delete", name)
        del self.secrets[name]

    def _fail(self, verb: str, name: str) -> None:
        if verb in self.failing:
            raise OSError(f"locked while {name} was read; the secret is {self.secrets.get(name)!r}")

    @property
    def keys(self) -> HostKey:
        return HostKey(self.get, self.put, self.delete)


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profile.db"


# The same root key in every process that runs a piece of program.
PREAMBLE = """
import os, signal, sys
from pathlib import Path
from keyart.errors import *
from keyart.store.database import Store, Table
from keyart.store.keys import HostKey
keys = HostKey(lambda name: b"k" * 32, lambda name, secret: None, lambda name: None)
path = Path(sys.argv[1])
"""


@pytest.fixture
def shared_keys() -> HostKey:
    return HostKey(lambda name: b"k" * 32, lambda name, secret: None, lambda name: None)


class Program:
    """Runs Python text in another process; `path` and `keys` are there already."""

    def start(self, text: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(text), *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, text: str, *arguments: object) -> str:
        with self.start(text, *arguments) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode in (0, -9), err
        return out


@pytest.fixture
def program() -> Program:
    return Program()


def digest_of(folder: Path) -> dict[str, str]:
    """Every file below a folder, and the hash of its bytes."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(name="digest_of")
def _digest_of() -> object:
    return digest_of
