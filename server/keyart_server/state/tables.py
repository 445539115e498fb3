"""The tables. No title, no picture, no device but by the hash of its key: tests/server/test_state_schema.py.

A new table is a class here, a migration beside the others, and a line in that test.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Double, ForeignKey, LargeBinary, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from .columns import Instant

DIGEST_HEX = 64  # characters of a sha256
LONGEST_NAME = 120  # characters

# Names of constraints are the same everywhere, so that a later migration can find them.
NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {datetime: Instant, bytes: LargeBinary}


class CampaignRow(Base):
    """See `campaigns.Campaign`."""

    __tablename__ = "campaigns"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), index=True)
    epsilon: Mapped[float | None] = mapped_column(Double)
    delta: Mapped[float | None] = mapped_column(Double)
    rounds: Mapped[int]
    created: Mapped[datetime] = mapped_column(index=True)
    changed: Mapped[datetime]


class PersonRow(Base):
    """Somebody who signs in: an operator's colleague, never a viewer. folded: the name as it is looked up."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    folded: Mapped[str] = mapped_column(String(LONGEST_NAME * 3), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password: Mapped[str] = mapped_column(String(200))
    created: Mapped[datetime]


class SessionRow(Base):
    """A browser that is signed in. digest: sha256 of what its cookie holds."""

    __tablename__ = "sessions"

    digest: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    created: Mapped[datetime]
    expires: Mapped[datetime] = mapped_column(index=True)


class InvitationRow(Base):
    """A one-time link that makes a person of `role`. digest: sha256 of its code."""

    __tablename__ = "invitations"

    digest: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    expires: Mapped[datetime]


class TokenRow(Base):
    """A bearer token of a machine. digest: sha256 of the token. scopes: joined by spaces."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    digest: Mapped[str] = mapped_column(String(DIGEST_HEX), unique=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    scopes: Mapped[str] = mapped_column(String(200))
    created: Mapped[datetime]
    expires: Mapped[datetime]


class AuditRow(Base):
    """One change: see `audit`. details: canonical JSON. The database refuses to change or delete a row."""

    __tablename__ = "audit"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(LONGEST_NAME + 20))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64))
    details: Mapped[str]
    digest: Mapped[str] = mapped_column(String(DIGEST_HEX))


class AuditHead(Base):
    """The newest row of the audit log, in the one row of this table; who appends locks it."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
    digest: Mapped[str] = mapped_column(String(DIGEST_HEX))
