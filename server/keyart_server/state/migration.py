"""Brings a database's tables up to date, under a lock; a kill on the way leaves the tables as they were."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from keyart.errors import SettingError

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x6B657961  # "keya": servers that start at once on one Postgres migrate one after the other


def newest_revision() -> str | None:
    """Of this version of keyart."""
    return ScriptDirectory(str(FOLDER)).get_current_head()


def revision_of(connection: Connection) -> str | None:
    """Of this database; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def check_current(engine: Engine) -> None:
    """Raises SettingError for a database whose tables are not those of this version of keyart."""
    with engine.connect() as connection:
        if revision_of(connection) != newest_revision():
            raise SettingError("The database is of another version of keyart; use that, or start the server once.")


def migrate(engine: Engine) -> None:
    """Raises SettingError for a database of a newer keyart, SQLAlchemyError for one that cannot be used."""
    with engine.execution_options(keyart_writes=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        current = revision_of(connection)
        if current == newest_revision():
            return
        known_revisions = {script.revision for script in ScriptDirectory(str(FOLDER)).walk_revisions()}
        if current is not None and current not in known_revisions:
            raise SettingError(f"The database is of a newer keyart (its tables are {current!r}); upgrade keyart.")
        config = Config()
        config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
