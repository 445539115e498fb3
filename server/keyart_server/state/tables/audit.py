"""Tables of the audit log: one row per change, and number and digest of the newest row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import DIGEST_HEX, MAX_NAME_LENGTH, TableBase


class AuditRow(TableBase):
    """A change, see `audit_log`; `details` is canonical JSON. The database refuses to change or delete a row."""

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
