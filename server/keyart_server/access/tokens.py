"""Tokens of machines: 256 random bits, stored as a hash, with scopes and an end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from keyart.bundle.durable import replace_file
from keyart.errors import SettingError

from .. import audit_log
from ..data_folder import DataFolder
from ..state import ServerState
from ..state.tables import TokenRow
from . import secrets
from .scopes import SCOPES, Scope

PREFIX = "keyart_"  # so that a scanner for leaked secrets can tell what it found
ADMIN, ADMIN_DAYS = "admin", 365


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; the token itself is told once, when it is made."""

    id: str
    name: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime


def issue(
    session: Session, at: datetime, actor: str, name: str, scopes: Collection[Scope], valid: timedelta
) -> tuple[str, Token]:
    """A new token, and what is known of it."""
    secret = PREFIX + secrets.make()
    token = Token(secrets.make_id(), name, frozenset(scopes), at, at + valid)
    scope_text = " ".join(sorted(token.scopes))
    session.add(
        TokenRow(
            id=token.id,
            digest=secrets.digest(secret),
            name=name,
            scopes=scope_text,
            created=at,
            expires=token.expires,
        )
    )
    audit_log.append(session, at, actor, "token.issue", token.id, name=name, scopes=scope_text)
    return secret, token


def find(session: Session, at: datetime, secret: str) -> Token | None:
    """The token of this secret, if it has not ended."""
    row = session.scalars(select(TokenRow).where(TokenRow.digest == secrets.digest(secret))).one_or_none()
    return None if row is None or row.expires <= at else _token(row)


def list_all(session: Session) -> list[Token]:
    """Oldest first."""
    return [_token(row) for row in session.scalars(select(TokenRow).order_by(TokenRow.created, TokenRow.id))]


def revoke(session: Session, at: datetime, actor: str, token_id: str) -> bool:
    """Whether there was one; it opens nothing afterwards."""
    row = session.get(TokenRow, token_id)
    if row is None:
        return False
    session.delete(row)
    audit_log.append(session, at, actor, "token.revoke", token_id, name=row.name)
    return True


def ensure_admin(state: ServerState, data: DataFolder, at: datetime) -> None:
    """`admin.token` opens this database, or is written anew: at the first start, after its end, after a restore.

    The file comes first: a kill between the two leaves a file that opens nothing, and the next start writes another.
    Raises SettingError for a file that cannot be read or written.
    """
    try:
        if data.admin_token.exists():
            with state.reading() as session:
                if find(session, at, data.admin_token.read_text("utf-8", "replace").strip()) is not None:
                    return
        with state.writing() as session:
            secret, _ = issue(session, at, "server", ADMIN, SCOPES, timedelta(days=ADMIN_DAYS))
            replace_file(data.admin_token, f"{secret}\n".encode(), 0o600)
    except OSError as error:
        raise SettingError(f"Cannot use {data.admin_token}: {error.strerror or error}; remove it.") from error


def _token(row: TokenRow) -> Token:
    return Token(row.id, row.name, frozenset(row.scopes.split()), row.created, row.expires)
