"""A server on SQLite, and the same on Postgres where one is at hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from support import gateway
from support.server import Clock, bearer, emptied, listening
from support.services import missing

from keyart_server.access import people, tokens
from keyart_server.app import create_app
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings

POSTGRES = os.environ.get("KEYART_TEST_POSTGRES", "postgresql:///postgres")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of an empty database of this session's own."""
    name = f"keyart_test_{os.getpid()}"
    try:
        with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    except psycopg.OperationalError as error:
        missing(f"no Postgres: {error}")
    yield POSTGRES.rpartition("/")[0] + "/" + name
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres: str) -> str:
    return emptied(postgres)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Service]:
    with open_service(
        ServerSettings(tmp_path / "data", database_url=database_url, insecure_issuer=True), clock
    ) as made:
        tokens.ensure_admin(made.state, made.data, clock())
        yield made


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """Sends without a token, over HTTP."""
    with listening(create_app(service)) as made:
        yield made


@pytest.fixture
def door(service: Service, clock: Clock) -> Iterator[httpx.Client]:
    """Sends to a gateway that stands alone."""
    with gateway.door(service.state, clock) as made:
        yield made


@pytest.fixture
def admin(service: Service) -> dict[str, str]:
    """Headers of the administrator's token."""
    return bearer(service.data.admin_token.read_text().strip())


@pytest.fixture
def code(service: Service) -> str:
    """Of a one-time link that makes an administrator."""
    with service.state.writing() as session:
        return people.invite(session, service.clock(), "server", "administrator")


@pytest.fixture(scope="module")
def one_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server on SQLite for a whole file of requests that change nothing."""
    with open_service(ServerSettings(tmp_path_factory.mktemp("one") / "data", insecure_issuer=True)) as made:
        tokens.ensure_admin(made.state, made.data, made.clock())
        with listening(create_app(made)) as client:
            yield client
