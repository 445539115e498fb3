"""API tokens: 256 random bits, stored as a hash, with scopes and an expiry."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from keyart.bundle import replace_file
from keyart.errors import SettingError

from .. import audit_log
from ..data_folder import DataFolder
from ..http.pagination import PageRequest, read_page
from ..state import ServerState
from ..state.tables import TokenRow
from . import secrets
from .scopes import SCOPES, Scope

PREFIX = "keyart_"  # lets scanners for leaked secrets recognise a token
ADMIN, ADMIN_DAYS = "admin", 365


@dataclass(frozen=True, slots=True)
class Token:
    """The stored properties of a token, without its secret.

    Attributes:
        id: identifier, 16 hexadecimal digits.
        name: name in the audit log.
        scopes: what it may do.
        created: time at which it was issued.
        expires: time from which it is refused.
    """

    id: str
    name: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime


def issue(
    session: Session, at: datetime, actor: str, name: str, scopes: Collection[Scope], valid: timedelta
) -> tuple[str, Token]:
    """Issue a token; return its secret and its stored properties."""
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
    """Return the token with this secret, if it has not expired."""
    token = _find(session, secret)
    return None if token is None or token.expires <= at else token


def find_expired(session: Session, at: datetime, secret: str) -> Token | None:
    """Return the token with this secret, if it has expired; whoever has the secret may know when."""
    token = _find(session, secret)
    return None if token is None or token.expires > at else token


def list_all(session: Session) -> list[Token]:
    """Return all tokens, oldest first."""
    return [_token(row) for row in session.scalars(select(TokenRow).order_by(TokenRow.created, TokenRow.id))]


def list_page(session: Session, paging: PageRequest) -> tuple[list[Token], str | None]:
    """Return one page of tokens, newest first, and the cursor of the next page."""
    page, following = read_page(session, select(TokenRow), (TokenRow.created, TokenRow.id), paging)
    return [_token(row) for row in page], following


def revoke(session: Session, at: datetime, actor: str, token_id: str) -> bool:
    """Revoke a token; return whether it existed."""
    row = session.get(TokenRow, token_id)
    if row is None:
        return False
    session.delete(row)
    audit_log.append(session, at, actor, "token.revoke", token_id, name=row.name)
    return True


def ensure_admin(state: ServerState, data: DataFolder, at: datetime) -> None:
    """Write `admin.token` if it is missing, expired or unknown to this database (for example after a restore).

    The file is written before the transaction commits: after a kill in between the file holds an unknown token, and
    the next start writes another one.

    Raises:
        SettingError: if the file cannot be read or written.
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


def _find(session: Session, secret: str) -> Token | None:
    row = session.scalars(select(TokenRow).where(TokenRow.digest == secrets.digest(secret))).one_or_none()
    return None if row is None else _token(row)


def _token(row: TokenRow) -> Token:
    return Token(row.id, row.name, frozenset(row.scopes.split()), row.created, row.expires)
