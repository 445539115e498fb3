"""Challenges: sign-ins whose password was right, and which wait for the second factor. They are no sessions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ..state.tables import ChallengeRow
from . import people, secrets
from .people import Person

VALID: Final = timedelta(minutes=5)
MAX_FAILURES: Final = 5  # of one challenge; then the password is due again


def begin(session: Session, at: datetime, person: Person) -> str:
    """Begin a challenge for this person; return the secret for its cookie."""
    secret = secrets.make()
    session.execute(delete(ChallengeRow).where(ChallengeRow.expires <= at))
    session.add(ChallengeRow(digest=secrets.digest(secret), person_id=person.id, failures=0, expires=at + VALID))
    return secret


def find(session: Session, at: datetime, secret: str) -> Person | None:
    """Return the person of a challenge that is open, or None."""
    is_open = ChallengeRow.expires > at, ChallengeRow.failures < MAX_FAILURES
    rows = select(ChallengeRow.person_id).where(ChallengeRow.digest == secrets.digest(secret), *is_open)
    person_id = session.scalars(rows).one_or_none()
    return None if person_id is None else people.find(session, person_id)


def fail(session: Session, secret: str) -> None:
    """Count a wrong code."""
    row = ChallengeRow.digest == secrets.digest(secret)
    session.execute(update(ChallengeRow).where(row).values(failures=ChallengeRow.failures + 1))


def end(session: Session, secret: str) -> bool:
    """End a challenge; return whether it was there, so that it begins one session only."""
    ended: Any = session.execute(delete(ChallengeRow).where(ChallengeRow.digest == secrets.digest(secret)))
    return bool(ended.rowcount)
