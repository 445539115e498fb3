"""Accounts: people join by a one-time link or through a provider (`identities`), have a role, and sign in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final, Literal, cast

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from keyart.errors import InputError

from .. import audit_log
from ..http.pagination import PageRequest, read_page
from ..state.tables import InvitationRow, PersonRow, SessionRow
from ..state.tables.base import MAX_NAME_LENGTH
from . import passwords, secrets
from .scopes import Role

# How a session began: with a password, with a second factor after it, or at an OpenID provider.
Factor = Literal["password", "totp", "oidc"]

INVITATION: Final = timedelta(hours=24)
SESSION: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Person:
    """An account of a person.

    Attributes:
        id: identifier, 16 hexadecimal digits.
        name: name for signing in, and in the audit log.
        role: role, which gives the scopes.
        created: time at which the person joined.
    """

    id: str
    name: str
    role: Role
    created: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The account of a session, and how the session began."""

    person: Person
    factor: Factor


def invite(session: Session, at: datetime, actor: str, role: Role) -> str:
    """Create a one-time link for an account with this role; return its code."""
    code = secrets.make()
    session.execute(delete(InvitationRow).where(InvitationRow.expires <= at))
    session.add(InvitationRow(digest=secrets.digest(code), role=role, expires=at + INVITATION))
    audit_log.append(session, at, actor, "invitation.issue", role)
    return code


def invited_role(session: Session, at: datetime, code: str) -> Role | None:
    """Return the role of an unused invitation, or None."""
    row = session.get(InvitationRow, secrets.digest(code))
    return None if row is None or row.expires <= at else cast(Role, row.role)


def join(session: Session, at: datetime, code: str, name: str, sealed: str) -> Person:
    """Create an account and use up the invitation.

    Args:
        session: a write transaction.
        at: current time.
        code: code of the invitation.
        name: name of the account.
        sealed: hash of the password.

    Raises:
        InputError: for an invalid code or a name that is taken.
    """
    role = invited_role(session, at, code)
    used = session.execute(delete(InvitationRow).where(InvitationRow.digest == secrets.digest(code)))
    if role is None or not used.rowcount:  # type: ignore[attr-defined]  # a concurrent request has used it
        raise InputError("This link has been used or has expired; ask for a new one.")
    if is_taken(session, name):
        raise InputError(f"The name {name} is taken; choose another one.")
    return create(session, at, name, role, sealed)


def create(session: Session, at: datetime, name: str, role: Role, sealed: str = "", **details: str) -> Person:
    """Create an account with a name that is free; without a password hash no password signs in to it."""
    person = Person(secrets.make_id(), name, role, at)
    session.add(PersonRow(id=person.id, name=name, folded=folded_name(name), role=role, password=sealed, created=at))
    session.flush()
    audit_log.append(session, at, f"person:{name}", "person.join", person.id, role=role, **details)
    return person


def is_taken(session: Session, name: str) -> bool:
    """Tell whether an account has this name, whatever its case."""
    return session.scalars(select(PersonRow.id).where(PersonRow.folded == folded_name(name))).first() is not None


def find(session: Session, person_id: str) -> Person | None:
    """Return the account with this id, or None."""
    row = session.get(PersonRow, person_id)
    return None if row is None else _person(row)


def change_role(session: Session, at: datetime, actor: str, person: Person, role: Role) -> Person:
    """Give an account another role; its sessions have it at once."""
    session.get_one(PersonRow, person.id).role = role
    audit_log.append(session, at, actor, "person.role", person.id, role=role, before=person.role)
    return replace(person, role=role)


def find_by_name(session: Session, name: str) -> tuple[Person, str] | None:
    """Return the account with this name and its password hash, or None."""
    row = session.scalars(select(PersonRow).where(PersonRow.folded == folded_name(name))).one_or_none()
    return None if row is None else (_person(row), row.password)


def list_all(session: Session) -> list[Person]:
    """Return all accounts, oldest first."""
    return [_person(row) for row in session.scalars(select(PersonRow).order_by(PersonRow.created, PersonRow.id))]


def list_page(session: Session, paging: PageRequest) -> tuple[list[Person], str | None]:
    """Return one page of accounts, newest first, and the cursor of the next page."""
    page, following = read_page(session, select(PersonRow), (PersonRow.created, PersonRow.id), paging)
    return [_person(row) for row in page], following


def is_empty(session: Session) -> bool:
    """Tell whether there is no account yet."""
    return session.scalar(select(func.count()).select_from(PersonRow)) == 0


def remove(session: Session, at: datetime, actor: str, person_id: str) -> bool:
    """Remove an account and end its sessions; return whether it existed."""
    row = session.get(PersonRow, person_id)
    if row is None:
        return False
    session.delete(row)
    audit_log.append(session, at, actor, "person.remove", person_id, name=row.name)
    return True


def sign_in(session: Session, at: datetime, person: Person, factor: Factor = "password") -> str:
    """Start a session; return the secret for its cookie."""
    secret = secrets.make()
    session.execute(delete(SessionRow).where(SessionRow.expires <= at))
    session.add(
        SessionRow(
            digest=secrets.digest(secret), person_id=person.id, created=at, expires=at + SESSION, factor=factor
        )
    )
    audit_log.append(session, at, f"person:{person.name}", "session.begin", person.id, factor=factor)
    return secret


def find_by_session(session: Session, at: datetime, secret: str) -> SignedIn | None:
    """Return the account of a session that has not expired, or None."""
    rows = select(PersonRow, SessionRow.factor).join(SessionRow).where(SessionRow.digest == secrets.digest(secret))
    row = session.execute(rows.where(SessionRow.expires > at)).one_or_none()
    return None if row is None else SignedIn(_person(row[0]), cast(Factor, row[1]))


def end_sessions(session: Session, person_id: str) -> None:
    """End all sessions of an account."""
    session.execute(delete(SessionRow).where(SessionRow.person_id == person_id))


def sign_out(session: Session, at: datetime, actor: str, secret: str) -> None:
    """End this session only."""
    session.execute(delete(SessionRow).where(SessionRow.digest == secrets.digest(secret)))
    audit_log.append(session, at, actor, "session.end", "")


def checked_name(name: str) -> str:
    """Return the name without surrounding spaces. Raises InputError if it is empty, too long or not printable."""
    name = name.strip()
    if not (0 < len(name) <= MAX_NAME_LENGTH and name.isprintable()):
        raise InputError(f"A name has 1 to {MAX_NAME_LENGTH} printable characters.")
    return name


@cache
def dummy_password_hash() -> str:
    """Return a hash to compare with when no such account exists, so that timing does not reveal which names exist."""
    return passwords.hash_password(secrets.make())


def folded_name(name: str) -> str:
    """Return the name as it is looked up, without case."""
    return name.casefold()


def _person(row: PersonRow) -> Person:
    return Person(row.id, row.name, cast(Role, row.role), row.created)
