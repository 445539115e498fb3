"""Tables of accounts, sessions, invitations and API tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import DIGEST_HEX, MAX_NAME_LENGTH, TableBase


class PersonRow(TableBase):
    """An account of an operator's colleague; `folded` is the name as it is looked up.

    `password` is a hash; it is empty for an account that only a provider's identity signs in to.
    """

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))
    folded: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH * 3), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password: Mapped[str] = mapped_column(String(200))
    created: Mapped[datetime]


class SessionRow(TableBase):
    """A browser session; `digest` is the sha256 of its cookie secret, `factor` a `people.Factor`."""

    __tablename__ = "sessions"

    digest: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    created: Mapped[datetime]
    expires: Mapped[datetime] = mapped_column(index=True)
    factor: Mapped[str] = mapped_column(String(16))


class InvitationRow(TableBase):
    """A one-time link for an account with `role`; `digest` is the sha256 of its code."""

    __tablename__ = "invitations"

    digest: Mapped[str] = mapped_column(String(DIGEST_HEX), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    expires: Mapped[datetime]


class TokenRow(TableBase):
    """An API token; `digest` is the sha256 of the token, `scopes` are separated by spaces."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    digest: Mapped[str] = mapped_column(String(DIGEST_HEX), unique=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH))
    scopes: Mapped[str] = mapped_column(String(200))
    created: Mapped[datetime]
    expires: Mapped[datetime]
