"""Transactions, on SQLite and Postgres."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest
import sqlalchemy.exc
from sqlalchemy import text

from keyart.errors import SettingError
from keyart_server.service import Service
from keyart_server.state import ServerState
from keyart_server.state.database import checked_url
from keyart_server.state.tables import InvitationRow


def test_what_raises_changes_nothing(service: Service) -> None:
    at = datetime.now(UTC)
    with pytest.raises(ZeroDivisionError), service.state.writing() as session:
        session.add(InvitationRow(digest="a", role="viewer", expires=at))
        session.flush()
        raise ZeroDivisionError
    with service.state.reading() as session:
        assert session.get(InvitationRow, "a") is None


def test_a_moment_keeps_its_microseconds_and_comes_back_in_utc(service: Service) -> None:
    at = datetime(2026, 3, 29, 2, 30, 0, 123456, timezone(timedelta(hours=2)))
    with service.state.writing() as session:
        session.add(InvitationRow(digest="a", role="viewer", expires=at))
    with service.state.reading() as session:
        row = session.get(InvitationRow, "a")
        assert row is not None and row.expires == at and row.expires.tzinfo is UTC
    with pytest.raises(sqlalchemy.exc.StatementError, match="needs a time zone"), service.state.writing() as session:
        session.add(InvitationRow(digest="b", role="viewer", expires=datetime(2026, 1, 1)))


def test_a_reader_sees_one_state(service: Service) -> None:
    at = datetime.now(UTC)
    with service.state.reading() as reader:
        assert reader.get(InvitationRow, "a") is None
        with service.state.writing() as session:
            session.add(InvitationRow(digest="a", role="viewer", expires=at))
        reader.expire_all()
        assert reader.execute(text("SELECT count(*) FROM invitations")).scalar() == 0


def test_two_writers_take_turns(service: Service) -> None:
    first_in, done = threading.Event(), []

    def second() -> None:
        first_in.wait(10)
        with service.state.writing() as session:
            row = session.get(InvitationRow, "a", with_for_update=True)
            done.append(row is not None)

    thread = threading.Thread(target=second)
    thread.start()
    with service.state.writing() as session:
        session.add(InvitationRow(digest="a", role="viewer", expires=datetime.now(UTC)))
        session.flush()
        if service.state.engine.dialect.name == "sqlite":
            first_in.set()
            thread.join(0.2)
            assert not done, "the second writer did not wait"
    first_in.set()
    thread.join(10)
    assert done == [True]


def test_sqlite_is_durable_and_private(tmp_path: Path) -> None:
    state = ServerState.open(tmp_path / "a ? b%20.db")
    with state.reading() as session:
        settings = [session.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")]
        assert settings == ["wal", 2]  # 2: FULL
    state.close()
    assert stat.S_IMODE((tmp_path / "a ? b%20.db").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "url",
    ["nonsense", "", "mysql://a/b", "sqlite://", "sqlite:///:memory:", "postgresql+asyncpg:///a", "http://a", "://"],
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(SettingError, match="database-url"):
        checked_url(url)


@pytest.mark.parametrize(
    "url",
    ["postgresql://nobody:hunter2@127.0.0.1:1/x", "postgresql://nobody:hunter2@127.0.0.1:5432/no_such_database_7"],
)
def test_a_database_that_is_away_is_told_without_its_password(url: str) -> None:
    with pytest.raises(SettingError, match="cannot be used") as told:
        ServerState.open(url)
    assert "hunter2" not in str(told.value)


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"hello " * 1000)
    with pytest.raises(SettingError, match="cannot be used"):
        ServerState.open(tmp_path / "x.db")
    with pytest.raises(SettingError, match="Cannot use"):
        ServerState.open(tmp_path / "nowhere" / "x.db")
    with pytest.raises(SettingError, match="Cannot use"):
        ServerState.open(tmp_path / "y.db", upgrade=False)
    assert not (tmp_path / "y.db").exists()


def test_a_database_of_a_newer_keyart(service: Service, database_url: str) -> None:
    with service.state.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingError, match="newer keyart"):
        ServerState.open(database_url)
    with pytest.raises(SettingError, match="another version"):
        ServerState.open(database_url, upgrade=False)


def test_starts_at_once_migrate_once(database_url: str) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            ServerState.open(database_url).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_postgres_that_keeps_no_unicode(postgres: str) -> None:
    """As a cluster is that was made where no locale was set; its drivers hand out bytes for text."""
    where, _, own = postgres.rpartition("/")
    name = f"{own}_ascii"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
        try:
            with pytest.raises(SettingError, match=f"{name} stores text as SQL_ASCII"):
                ServerState.open(f"{where}/{name}")
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
