"""Creates or upgrades the tables of a database under a lock; after an interruption they are as before.

A new database gets the current tables at once and is stamped with the newest revision; only an older one is migrated
(Alembic cookbook, "Building an Up to Date Database from Scratch").
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from keyart.errors import SettingError

from .tables import TableBase

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x6B657961  # "keya"; serialises migrations of servers that share a Postgres database


def newest_revision() -> str | None:
    """Return the schema revision of this version of keyart."""
    return ScriptDirectory(str(FOLDER)).get_current_head()


def revision_of(connection: Connection) -> str | None:
    """Return the schema revision of this database, or None if it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def check_current(engine: Engine) -> None:
    """Raise SettingError if the tables are not those of this version of keyart."""
    with engine.connect() as connection:
        if revision_of(connection) != newest_revision():
            raise SettingError(
                "The database belongs to another version of keyart; use that version, or start the server once."
            )


def migrate(engine: Engine) -> None:
    """Create or upgrade the tables.

    Raises:
        SettingError: for a database of a newer keyart.
        SQLAlchemyError: for a database that cannot be used.
    """
    with engine.execution_options(keyart_writes=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        current = revision_of(connection)
        if current == newest_revision():
            return
        known_revisions = {script.revision for script in ScriptDirectory(str(FOLDER)).walk_revisions()}
        if current is not None and current not in known_revisions:
            raise SettingError(f"The database belongs to a newer keyart (its schema is {current!r}); upgrade keyart.")
        config = Config()
        config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
        config.attributes["connection"] = connection
        if current is None:
            TableBase.metadata.create_all(connection, checkfirst=False)
            command.stamp(config, "head")
        else:
            command.upgrade(config, "head")
