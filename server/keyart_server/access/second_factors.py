"""Second factors of people in the database: a TOTP secret, sealed, and recovery codes, hashed.

A recovery code has 80 random bits, so a plain sha256 is sufficient, as for other secrets of the server.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from .. import audit_log
from ..state.tables import RecoveryCodeRow, TotpRow
from . import people, secrets, totp
from .people import Person
from .sealing import Sealer

RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10
CODE_GROUP: Final = 4  # letters between two hyphens


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """The second factor of a person.

    Attributes:
        confirmed: time of its confirmation; None while its first code is due.
        recovery_codes: number of unused recovery codes.
    """

    confirmed: datetime | None
    recovery_codes: int


def find(session: Session, person_id: str) -> SecondFactor | None:
    """Return the second factor of a person, or None."""
    row = session.get(TotpRow, person_id)
    if row is None:
        return None
    codes = select(func.count()).select_from(RecoveryCodeRow).where(RecoveryCodeRow.person_id == person_id)
    return SecondFactor(row.confirmed, session.scalar(codes) or 0)


def is_on(session: Session, person_id: str) -> bool:
    """Tell whether signing in with the password needs a code."""
    row = session.get(TotpRow, person_id)
    return row is not None and row.confirmed is not None


def confirmed_people(session: Session) -> frozenset[str]:
    """Return the ids of all people whose second factor is on."""
    return frozenset(session.scalars(select(TotpRow.person_id).where(TotpRow.confirmed.is_not(None))))


def begin(session: Session, sealer: Sealer, person_id: str) -> str | None:
    """Make a new secret that waits for its first code, and return it; None if a second factor is on already."""
    row = session.get(TotpRow, person_id, with_for_update=True)
    if row is not None and row.confirmed is not None:
        return None
    secret = totp.make_secret()
    sealed = sealer.seal(_purpose(person_id), secret.encode())
    if row is None:
        session.add(TotpRow(person_id=person_id, secret=sealed, confirmed=None, last_step=0))
    else:
        row.secret = sealed
    return secret


def pending_secret(session: Session, sealer: Sealer, person_id: str) -> str | None:
    """Return the secret that waits for its first code, or None."""
    row = session.get(TotpRow, person_id)
    if row is None or row.confirmed is not None:
        return None
    return sealer.open(_purpose(person_id), row.secret).decode()


def confirm(session: Session, at: datetime, sealer: Sealer, person: Person, code: str) -> list[str] | None:
    """Turn the second factor on with its first code; return new recovery codes, or None for a wrong code."""
    row = session.get(TotpRow, person.id, with_for_update=True)
    if row is None or row.confirmed is not None or not _accept(session, at, sealer, row, code):
        return None
    row.confirmed = at
    audit_log.append(session, at, f"person:{person.name}", "totp.enrol", person.id)
    return _new_recovery_codes(session, person.id)


def check(session: Session, at: datetime, sealer: Sealer, person: Person, code: str) -> bool:
    """Use up a code of the app, or a recovery code; return whether it was valid."""
    row = session.get(TotpRow, person.id, with_for_update=True)
    if row is None or row.confirmed is None:
        return False
    typed = _normalised(code)
    if len(typed) == totp.DIGITS:
        return _accept(session, at, sealer, row, typed)
    used = RecoveryCodeRow.person_id == person.id, RecoveryCodeRow.digest == secrets.digest(typed)
    removed: Any = session.execute(delete(RecoveryCodeRow).where(*used))
    if not removed.rowcount:
        return False
    left = find(session, person.id)
    audit_log.append(
        session, at, f"person:{person.name}", "totp.recover", person.id, left=left.recovery_codes if left else 0
    )
    return True


def renew_recovery_codes(session: Session, at: datetime, person: Person) -> list[str]:
    """Replace the recovery codes and return the new ones."""
    audit_log.append(session, at, f"person:{person.name}", "totp.codes", person.id)
    return _new_recovery_codes(session, person.id)


def reset(session: Session, at: datetime, actor: str, person: Person) -> bool:
    """Turn the second factor off; end the person's sessions. Return whether there was one."""
    removed: Any = session.execute(delete(TotpRow).where(TotpRow.person_id == person.id))
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.person_id == person.id))
    if not removed.rowcount:
        return False
    people.end_sessions(session, person.id)
    audit_log.append(session, at, actor, "totp.reset", person.id, name=person.name)
    return True


def _accept(session: Session, at: datetime, sealer: Sealer, row: TotpRow, code: str) -> bool:
    """Check a code of the app and remember its step; of two requests with the same code, one succeeds."""
    secret = sealer.open(_purpose(row.person_id), row.secret).decode()
    step = totp.accepted_step(secret, _normalised(code), at, row.last_step)
    if step is None:
        return False
    newer = update(TotpRow).where(TotpRow.person_id == row.person_id, TotpRow.last_step < step)
    accepted: Any = session.execute(newer.values(last_step=step))
    return bool(accepted.rowcount)


def _new_recovery_codes(session: Session, person_id: str) -> list[str]:
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.person_id == person_id))
    codes = [base64.b32encode(os.urandom(RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    session.add_all([RecoveryCodeRow(person_id=person_id, digest=secrets.digest(code)) for code in codes])
    return ["-".join(code[i : i + CODE_GROUP] for i in range(0, len(code), CODE_GROUP)) for code in codes]


def _normalised(code: str) -> str:
    """Return a code without the spaces and hyphens with which it may be typed."""
    return "".join(code.split()).replace("-", "").lower()


def _purpose(person_id: str) -> str:
    return f"totp {person_id}"
