"""A host with a key store in memory, and a way to run a piece of a program in another process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support import stores as store_samples
from support.stores import Host

from keyart.store.keys import HostKey


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


@pytest.fixture(name="digest_of")
def _digest_of() -> object:
    return store_samples.digest_of
