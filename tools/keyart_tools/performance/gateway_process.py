"""A gateway in a process of its own, as it is measured, and the databases that it runs on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from keyart.errors import KeyartError

NO_ISSUER: Final = "0" * 64  # certifies nobody
POSTGRES: Final = "postgresql:///postgres"
COMMAND: Final = (sys.executable, "-c", "from keyart_tools.cli import main; main(prog_name='keyart')", "gateway")


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    """A running gateway: its process id and its TCP port."""

    number: int
    port: int

    def cpu_seconds(self) -> float:
        """Return the processor time of all its threads so far."""
        fields = Path(f"/proc/{self.number}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        """Return its resident memory in MiB."""
        status = Path(f"/proc/{self.number}/status").read_text("utf-8")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def can_be_measured() -> bool:
    """Return whether the processor time of another process can be read here."""
    return Path("/proc/self/stat").exists()


@contextmanager
def run_gateway(url: str, name: str, issuer: str = NO_ISSUER) -> Iterator[GatewayProcess]:
    """Run `keyart gateway` on a free port of this machine.

    Args:
        url: address of the database, whose tables exist.
        name: name of the gateway.
        issuer: public key, in hex, of the issuer whose certificates count.

    Raises:
        KeyartError: the gateway did not start.
    """
    options = ("--database-url", url, "--name", name, "--issuer", issuer, "--port", "0", "--json")
    with subprocess.Popen((*COMMAND, *options), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # ours
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            if not line:
                raise KeyartError("The gateway did not start; its error is shown above.")
            yield GatewayProcess(process.pid, int(json.loads(line)["address"].rpartition(":")[2]))
        finally:
            process.kill()


@contextmanager
def sqlite_database(folder: Path) -> Iterator[str]:
    """Return the address of a new SQLite database in a folder."""
    yield f"sqlite:///{folder / 'gateway.db'}"


@contextmanager
def postgres_database() -> Iterator[str]:
    """Create an empty database for the block; the variable KEYART_TEST_POSTGRES names another server than this one.

    Raises:
        psycopg.OperationalError: there is no Postgres.
    """
    name = f"keyart_bench_{os.getpid()}"
    where = os.environ.get("KEYART_TEST_POSTGRES", POSTGRES)
    with psycopg.connect(where, autocommit=True, connect_timeout=5) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    try:
        yield f"{where.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
