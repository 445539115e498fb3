"""Tables of the audit log: one row per change, and number and digest of the newest row.

The database refuses to change or delete a row of the log; its triggers are created with the table.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, Connection, String, Table, event
from sqlalchemy.orm import Mapped, mapped_column

from .base import DIGEST_HEX, MAX_NAME_LENGTH, TableBase

FIRST_PREDECESSOR = "0" * DIGEST_HEX
HEAD_ID = 1


class AuditRow(TableBase):
    """A change, see `audit_log`; `details` is canonical JSON."""

    __tablename__ = "audit"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH + 20))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64))
    details: Mapped[str]
    digest: Mapped[str] = mapped_column(String(DIGEST_HEX))


class AuditHead(TableBase):
    """The newest row of the audit log, in the single row of this table; writers lock it."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
    digest: Mapped[str] = mapped_column(String(DIGEST_HEX))


def _on_create(statement: str, dialect: str) -> None:
    event.listen(AuditRow.__table__, "after_create", DDL(statement).execute_if(dialect=dialect))  # type: ignore[no-untyped-call]


for _change in ("UPDATE", "DELETE"):
    _on_create(
        f"CREATE TRIGGER audit_is_append_only_{_change} BEFORE {_change} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
        "sqlite",
    )
_on_create(
    "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$",
    "postgresql",
)
_on_create(
    "CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
    "postgresql",
)


@event.listens_for(AuditHead.__table__, "after_create")
def _insert_head(table: Table, connection: Connection, **_: Any) -> None:
    connection.execute(table.insert().values(id=HEAD_ID, number=0, digest=FIRST_PREDECESSOR))
