"""Identities: accounts of an OpenID provider, and the accounts of this server that they sign in to.

An identity is the pair of issuer and subject, which the provider never gives to somebody else (OpenID Connect Core
1.0, section 5.7). Names and e-mail addresses can change hands, so they link nothing: a new identity gets a new
account, also if an account has its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from keyart.errors import InputError

from ..state.tables import IdentityRow, UsedSignInRow
from ..state.tables.base import MAX_NAME_LENGTH
from . import people, secrets
from .people import Person
from .scopes import Role

NAME_CLAIMS: Final = ("preferred_username", "name")
MAX_SUFFIX_LENGTH: Final = 8  # of the number behind a name that is taken


def name_of(claims: Mapping[str, Any]) -> str:
    """Return the name for a new account of these claims."""
    for claim in NAME_CLAIMS:
        try:
            return people.checked_name(str(claims.get(claim, ""))[: MAX_NAME_LENGTH - MAX_SUFFIX_LENGTH])
        except InputError:
            continue
    return "Single sign-on"


def person_of(session: Session, at: datetime, issuer: str, subject: str, name: str, role: Role) -> Person:
    """Return the account of an identity with its present role; a new identity gets a new account."""
    row = session.get(IdentityRow, (issuer, subject))
    if row is not None and (person := people.find(session, row.person_id)) is not None:
        return person if person.role == role else people.change_role(session, at, "server", person, role)
    names = (name if number == 1 else f"{name} {number}" for number in count(1))
    free = next(free for free in names if not people.is_taken(session, free))
    person = people.create(session, at, free, role, issuer=issuer)
    session.add(IdentityRow(issuer=issuer, subject=subject, person_id=person.id, created=at))
    return person


def use_up(session: Session, at: datetime, secret: str, valid: timedelta) -> bool:
    """Use up a sign-in by the secret of its cookie; return False if it has begun a session before."""
    session.execute(delete(UsedSignInRow).where(UsedSignInRow.expires <= at))
    try:
        with session.begin_nested():
            session.add(UsedSignInRow(digest=secrets.digest(secret), expires=at + valid))
    except IntegrityError:
        return False
    return True
