"""A server under attack: the real application behind the real connections, and bytes on its socket."""

from __future__ import annotations

import http.client
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from fastapi import FastAPI
from support.rounds import ISSUER
from support.server import PASSWORD, bearer, every_item, join
from support.services import missing
from support.serving import serving

from keyart_server.access import tokens
from keyart_server.app import create_app
from keyart_server.clock import now
from keyart_server.http.connection_limits import limited_protocol
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings

CAMPAIGN = {"name": "Spring", "kind": "training"}
LAST = b"PUT /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"  # 405


@dataclass
class Target:
    """client: sends with no token and no cookie. admin: headers of the administrator's token."""

    service: Service
    client: httpx.Client
    admin: dict[str, str]
    browsers: ExitStack = field(default_factory=ExitStack)

    @property
    def place(self) -> tuple[str, int]:
        return str(self.client.base_url.host), int(self.client.base_url.port or 80)

    @property
    def address(self) -> str:
        return str(self.client.base_url).rstrip("/")

    def browser(self, **headers: str) -> httpx.Client:
        """Another one, with cookies of its own."""
        made = httpx.Client(base_url=self.address, headers=headers, timeout=30, trust_env=False)
        return self.browsers.enter_context(made)

    def person(self, name: str = "Robin", role: str = "administrator") -> httpx.Client:
        """A browser in which somebody of this role has signed in."""
        path = self.client.post("/api/v1/invitations", json={"role": role}, headers=self.admin).json()["path"]
        browser = self.browser()
        assert join(browser, path.rpartition("/")[2], name, PASSWORD).status_code == 303
        return browser

    def token(self, *scopes: str, days: int = 1) -> dict[str, str]:
        """Headers of a new token."""
        new = {"name": "machine", "scopes": scopes, "days": days}
        return bearer(self.client.post("/api/v1/tokens", json=new, headers=self.admin).json()["secret"])

    def campaigns(self) -> list[Any]:
        listed: list[Any] = self.client.get("/api/v1/campaigns", headers=self.admin).json()["items"]
        return listed

    def audit(self) -> list[str]:
        """Actions, newest first."""
        return [entry["action"] for entry in every_item(self.client, "/api/v1/audit", self.admin)]

    def raw(self, path: str, **headers: str) -> httpx.Response:
        """The path as it is: every other client puts it in order first."""
        connection = http.client.HTTPConnection(*self.place, timeout=20)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())
        finally:
            connection.close()

    def say(self, data: bytes) -> bytes:
        """All that the server answers to these bytes, and to a harmless request behind them that ends it."""
        with socket.create_connection(self.place, timeout=20) as link:
            answers = b""
            try:
                link.sendall(data + LAST)
                while more := link.recv(65536):
                    answers += more
            except ConnectionError:
                pass
            return answers

    def statuses(self, data: bytes) -> list[int]:
        """Of the answers to `say`."""
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.say(data))]


@contextmanager
def attacked(folder: Path, clock: Callable[[], datetime] = now, **settings: Any) -> Iterator[Target]:
    """A server on SQLite with nobody in it but the administrator's token; it certifies devices as support.rounds."""
    with open_service(ServerSettings(folder / "data", insecure_issuer=True, **settings), clock) as made:
        service = replace(made, issuers=(ISSUER.public,), revoked=None)
        tokens.ensure_admin(service.state, service.data, service.clock())
        with served(create_app(service), service.settings.proxy) as client:
            target = Target(service, client, bearer(service.data.admin_token.read_text().strip()))
            with target.browsers:
                yield target


@contextmanager
def served(app: FastAPI, trusted: str | None = None) -> Iterator[httpx.Client]:
    """The application as `keyart_server.http.web_server` runs it, but in a thread; a client for it."""
    settings = {"http": limited_protocol(200), "proxy_headers": trusted is not None, "forwarded_allow_ips": trusted}
    with (
        serving(app, lifespan="on", **settings) as (host, port),
        httpx.Client(base_url=f"http://{host}:{port}", timeout=30, trust_env=False) as client,
    ):
        yield client


@contextmanager
def postgres() -> Iterator[str]:
    """Address of an empty database; the test is skipped where there is no Postgres."""
    server, name = os.environ.get("KEYART_TEST_POSTGRES", "postgresql:///postgres"), f"keyart_attack_{os.getpid()}"
    try:
        connection = psycopg.connect(server, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        missing(f"no Postgres: {error}")
    with connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def csrf_of(browser: httpx.Client) -> str:
    """What this session's forms bring along."""
    return re.findall(r'name="csrf" value="([^"]+)"', browser.get("/").text)[0]
