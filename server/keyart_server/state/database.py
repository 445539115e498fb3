"""The database, SQLite in a file or Postgres, and its transactions through `ServerState`.

SQLite runs in WAL mode with synchronous=FULL: committed data survives `kill -9` and power failures
(sqlite.org/pragma.html#pragma_synchronous). A writer takes its lock at the beginning (BEGIN IMMEDIATE), so no
transaction fails midway because it read before it wrote.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from keyart.errors import SettingError

from .migration import check_current, migrate

LOCK_TIMEOUT_SECONDS = 5  # for a lock, a connection or a free connection in the pool
MAX_CONNECTIONS = 20
INSUFFICIENT_PRIVILEGE = "42501"  # SQLSTATE
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


class ServerState:
    """The server's database; `reading` and `writing` are its transactions. Made by `ServerState.open`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        alone = engine.dialect.name == "sqlite"
        snapshot = {} if alone else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reader = engine.execution_options(**snapshot)
        self._writer = engine.execution_options(keyart_writes=True)
        # SQLite does not queue writers fairly; within one process they queue here first.
        self._turn: Any = threading.Lock() if alone else nullcontext()

    @classmethod
    def open(cls, where: str | Path, upgrade: bool = True) -> ServerState:
        """Connect to an address or an SQLite file and upgrade its tables.

        Args:
            where: address of a database, or path of an SQLite file.
            upgrade: False leaves the tables as they are.

        Raises:
            SettingError: for a database that cannot be used.
        """
        url = URL.create("sqlite", database=str(where)) if isinstance(where, Path) else checked_url(where)
        engine = _engine(url, make=upgrade)
        try:
            _check_encoding(engine)
            (migrate if upgrade else check_current)(engine)
        except SQLAlchemyError as error:
            engine.dispose()
            raise SettingError(_describe_failure(url, error)) from error
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a read-only transaction that sees one snapshot of all tables."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction that is durable when the block ends, or has no effect if the block raises."""
        with self._turn, Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def ping(self) -> None:
        """Raise SQLAlchemyError if the database does not answer."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def checked_url(url: str) -> URL:
    """Return the address with its driver. Raises SettingError, without repeating a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise SettingError(
            "--database-url is not a database address; it must be like postgresql://USER@HOST/NAME or sqlite:///FILE."
        ) from None
    driver = DRIVERS.get(parsed.get_backend_name())
    if driver is None or parsed.drivername not in (parsed.get_backend_name(), driver):
        raise SettingError(f"--database-url names {parsed.drivername!r}; keyart supports sqlite and postgresql.")
    if driver == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise SettingError("--database-url has no file name; it must be like sqlite:///FILE.")
    return parsed.set(drivername=driver)


def _engine(url: URL, make: bool) -> Engine:
    """Create the engine. Parameters are hidden, since stored values must not appear in errors or logs."""
    options: dict[str, Any] = {
        "hide_parameters": True,
        "pool_size": MAX_CONNECTIONS,
        "pool_timeout": LOCK_TIMEOUT_SECONDS,
    }
    if url.get_backend_name() == "sqlite":
        _create_private_file(Path(str(url.database)), os.O_CREAT if make else 0)
        engine = create_engine(
            url, connect_args={"timeout": LOCK_TIMEOUT_SECONDS, "check_same_thread": False}, **options
        )
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        engine = create_engine(
            url,
            pool_pre_ping=True,  # after an outage the pool holds dead connections
            connect_args={
                "connect_timeout": LOCK_TIMEOUT_SECONDS,
                "client_encoding": "utf8",  # else a database without Unicode returns bytes before it can be refused
                "options": f"-c lock_timeout={LOCK_TIMEOUT_SECONDS}s",
            },
            **options,
        )
    except (ImportError, NoSuchModuleError):
        raise SettingError("Postgres needs the package psycopg; install the extra keyart[server].") from None
    return engine


def _check_encoding(engine: Engine) -> None:
    """Raise SettingError for a Postgres database without Unicode: names may contain any character."""
    if engine.dialect.name != "postgresql":
        return
    with engine.connect() as connection:
        encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise SettingError(
            f"The database {engine.url.database} stores text as {encoding}, but keyart needs UTF8. Create another: "
            "createdb --encoding=UTF8 --template=template0 NAME"
        )


def _create_private_file(path: Path, flag: int) -> None:
    """Create an empty file for its owner only, before SQLite creates one for everybody; its WAL inherits the mode."""
    try:
        os.close(os.open(path, os.O_RDWR | flag, 0o600))
    except OSError as error:
        raise SettingError(f"Cannot use the database {path}: {error.strerror or error}.") from None


def _configure_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # `_begin_sqlite` issues BEGIN instead of the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("keyart_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _describe_failure(url: URL, error: SQLAlchemyError) -> str:
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    where = f"The database {url.render_as_string(hide_password=True)} cannot be used: {cause}"
    if getattr(getattr(error, "orig", None), "sqlstate", None) == INSUFFICIENT_PRIVILEGE:
        where += ". Run keyart database upgrade with the role that owns the database."
    return where
