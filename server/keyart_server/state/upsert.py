"""INSERT … ON CONFLICT, which SQLite and Postgres share although it is not in the SQL standard."""

from __future__ import annotations

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from .tables import TableBase


def upsert(session: Session, table: type[TableBase]) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT to complete with `.values` and `.on_conflict_do_nothing` or `.on_conflict_do_update`."""
    alone = session.get_bind().dialect.name == "sqlite"
    return sqlite.insert(table) if alone else postgresql.insert(table)
