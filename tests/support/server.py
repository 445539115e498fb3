"""A running server: the real command in a process of its own, or its application in this one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from fastapi import FastAPI

from support.serving import serving

COMMAND = (sys.executable, "-c", "from keyart_tools.cli import main; main(prog_name='keyart')", "serve")
START_SECONDS = 20  # as promised
NAME, PASSWORD = "Robin", "a long password 7"


@dataclass
class Clock:
    """Stands still until it is told."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


class Seconds:
    """A clock of seconds that stands still until it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Running:
    """A server process that listens. started: what it said. client: sends to it, with no token."""

    process: subprocess.Popen[str]
    started: dict[str, Any]
    client: httpx.Client

    @property
    def data(self) -> Path:
        return Path(self.started["data"])

    @property
    def bearer(self) -> dict[str, str]:
        return bearer((self.data / "admin.token").read_text().strip())

    def vouchers(self, count: int) -> list[str]:
        """One-use vouchers of the server's own issuer."""
        token = (self.data / "issuer" / "issuer.token").read_text().strip()
        answer = self.client.post("/issuer/vouchers", json={"count": count}, headers=bearer(token))
        made: list[str] = answer.json()["vouchers"]
        return made

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Asks it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def every_item(client: httpx.Client, path: str, headers: dict[str, str] | None = None) -> list[Any]:
    """Read a list of the API to its last page."""
    items: list[Any] = []
    query: dict[str, str] = {"limit": "200"}
    while True:
        page = client.get(path, params=query, headers=headers).json()
        items += page["items"]
        if page["next"] is None:
            return items
        query["cursor"] = page["next"]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def running(data: Path, *arguments: str | Path, log: Path | None = None) -> Iterator[Running]:
    """`keyart serve` on a free port; killed at the end. log: where its stderr goes."""
    own = () if "--issuer" in arguments else ("--insecure-issuer",)
    words = [*COMMAND, "--json", "--port", "0", "--data", str(data), *own, *map(str, arguments)]
    where = (log or data.parent / f"{data.name}.log").open("a")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=where, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, Path(where.name).read_text()
        started = json.loads(line)
        with httpx.Client(base_url=started["address"], timeout=30, trust_env=False, verify=False) as client:
            yield Running(process, started, client)
    finally:
        where.close()
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def emptied(postgres: str) -> str:
    """The same database, with nothing in it."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgres


@contextmanager
def listening(app: FastAPI) -> Iterator[httpx.Client]:
    """The application on a free port of this machine, served by a thread; a client for it."""
    with (
        serving(app, lifespan="on", proxy_headers=False) as (host, port),
        httpx.Client(base_url=f"http://{host}:{port}", timeout=30, trust_env=False) as client,
    ):
        yield client


def join(client: Any, code: str, name: str = NAME, password: str = PASSWORD) -> httpx.Response:
    """Uses a one-time link; the client is signed in afterwards."""
    return client.post(f"/join/{code}", data={"name": name, "password": password}, follow_redirects=False)


def document_checks() -> list[Any]:
    """What schemathesis holds an answer to; imported here, so that only a process that asks for it waits for it."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    return [
        not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
        checks.response_headers_conformance, checks.response_schema_conformance,
    ]  # fmt: skip
