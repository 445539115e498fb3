"""INSERT … ON CONFLICT, which SQLite and Postgres both have and SQL's standard has not."""

from __future__ import annotations

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from .tables import TableBase


def upsert(session: Session, table: type[TableBase]) -> sqlite.Insert | postgresql.Insert:
    """To be completed by `.values` and one of `.on_conflict_do_nothing` and `.on_conflict_do_update`."""
    alone = session.get_bind().dialect.name == "sqlite"
    return sqlite.insert(table) if alone else postgresql.insert(table)
