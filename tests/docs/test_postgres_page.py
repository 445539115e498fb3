"""The page about Postgres is true: its roles are made in a real Postgres, and neither may do more than it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from docs_pages import read_pages
from support.server import running
from support.services import missing

PAGE = next(page for page in read_pages() if str(page.path) == "docs/how-to/postgres.md")
SERVER = os.environ.get("KEYART_TEST_POSTGRES", "postgresql:///postgres")
NAME = f"keyart_page_{os.getpid()}"  # roles belong to the whole server, so the page's names are not used as they are

NAMES = (
    (r"\bkeyart_owner\b", f"{NAME}_owner"),
    (r"\b(ROLE|DATABASE|TO|FROM|connect) keyart\b", rf"\1 {NAME}"),
    (r"(//|:)keyart(@|:)", rf"\1{NAME}\2"),
    (r"(127.0.0.1/|\*:\*:)keyart\b", rf"\1{NAME}"),
    (r":keyart:", f":{NAME}:"),
)


def block(heading: str, index: int = 0) -> str:
    text = [script for under, script in PAGE.blocks("sh") if under == heading][index]
    for before, after in NAMES:
        text = re.sub(before, after, text)
    return text


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder with the password files, after the blocks of the page up to the tables."""
    try:
        with psycopg.connect(SERVER, autocommit=True, connect_timeout=5) as connection:
            major = connection.info.server_version // 10_000
    except psycopg.OperationalError as error:
        missing(f"no Postgres: {error}")
    if major < 14:
        missing(f"Postgres {major} is older than 14")
    folder = tmp_path_factory.mktemp("postgres")
    keyart = folder / "keyart"
    program = "from keyart_tools.cli import main; main(prog_name='keyart')"
    keyart.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{program}" "$@"\n')
    keyart.chmod(0o755)
    try:
        for heading in ("Create", "Create or upgrade the tables"):
            env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block(heading)], cwd=folder, env=env, capture_output=True,
                text=True, check=False, timeout=120,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
        assert "The tables have revision" in done.stdout
        yield folder
    finally:
        with psycopg.connect(SERVER, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
            for role in (NAME, f"{NAME}_owner"):
                connection.execute(f"DROP ROLE IF EXISTS {role}")


def address(role: str) -> str:
    return f"postgresql://{role}@127.0.0.1/{NAME}"


@pytest.mark.service
@pytest.mark.slow
def test_a_server_runs_with_the_lesser_role(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all((made / name).stat().st_mode & 0o077 == 0 for name in ("pgpass", "pgpass-owner"))
    monkeypatch.setenv("PGPASSFILE", str(made / "pgpass"))
    words = block("Create or upgrade the tables", 1).split()
    assert words[-2:] == [address(NAME), "--insecure-issuer"]
    with running(made / "keyart-data", "--no-rounds", "--database-url", address(NAME)) as server:
        new = {"name": "Spring", "kind": "training"}
        answer = server.client.post("/api/v1/campaigns", json=new, headers=server.bearer)
        assert answer.status_code == 201, answer.text
        assert server.client.get("/api/v1/audit/check", headers=server.bearer).status_code == 200
    with psycopg.connect(address(NAME), autocommit=True) as connection:
        for statement in (
            "DELETE FROM audit", "UPDATE audit SET action = 'x'", "TRUNCATE campaigns", "DROP TABLE campaigns",
            "CREATE TABLE x (y int)", "ALTER TABLE campaigns ADD x int", "DROP TRIGGER audit_is_append_only ON audit",
            "UPDATE alembic_version SET version_num = 'x'", "CREATE SCHEMA other", f"SET ROLE {NAME}_owner",
            "CREATE ROLE other",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        assert connection.execute("SELECT count(*) FROM audit").fetchone()[0] > 0  # type: ignore[index]


@pytest.mark.service
@pytest.mark.slow
def test_older_tables_are_refused_with_what_to_do(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from keyart.errors import SettingError
    from keyart_server.state import ServerState

    monkeypatch.setenv("PGPASSFILE", str(made / "pgpass-owner"))
    with psycopg.connect(address(f"{NAME}_owner"), autocommit=True) as connection:
        for (table,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            connection.execute(f"DROP TABLE {table} CASCADE")
    monkeypatch.setenv("PGPASSFILE", str(made / "pgpass"))
    with pytest.raises(SettingError, match="Run keyart database upgrade with the role that owns"):
        ServerState.open(address(NAME))
