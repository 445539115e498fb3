"""The audit log: one row a change, appended in the change's own transaction, chained by hashes.

A row's digest is sha256(digest of the row before ‖ the row as canonical JSON), the first one's predecessor being 64
zeros: who notes a digest elsewhere notices any later change to what came before it. The database refuses to update
or delete a row; the chain is for somebody who can get around that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from keyart.errors import FederatedError

from .state.tables import AuditHead, AuditRow

FIRST_PREDECESSOR = "0" * 64
HEAD_ID = 1


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """at: with zone. actor: `person:NAME`, `token:NAME` or `server`. action: `campaign.start`, a noun and a verb.

    subject: id of what was changed. details: canonical JSON, with no word of a title or a device in it.
    """

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: str
    digest: str


def append(session: Session, at: datetime, actor: str, action: str, subject: str, **details: Any) -> AuditEntry:
    """Adds a row inside the transaction of `State.writing`, so that there is no change without it."""
    head = lock(session)
    text = json.dumps(details, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    entry = _with_digest(head.digest, AuditEntry(head.number + 1, at, actor, action, subject, text, ""))
    session.add(AuditRow(**asdict(entry)))
    head.number, head.digest = entry.number, entry.digest
    return entry


def lock(session: Session) -> AuditHead:
    """Nobody else writes to the log until this transaction ends."""
    return session.scalars(select(AuditHead).where(AuditHead.id == HEAD_ID).with_for_update()).one()


def newest(session: Session, limit: int, before: int | None = None) -> list[AuditEntry]:
    """The newest rows first; before: only rows of a smaller number."""
    rows = select(AuditRow).order_by(AuditRow.number.desc()).limit(limit)
    if before is not None:
        rows = rows.where(AuditRow.number < before)
    return [_entry(row) for row in session.scalars(rows)]


def verify(session: Session) -> tuple[int, str]:
    """How many rows there are, and the digest over all of them. Raises FederatedError at the first broken one."""
    rows = session.scalars(select(AuditRow).order_by(AuditRow.number).execution_options(yield_per=1000))
    number, digest = check_chain(map(_entry, rows))
    head = session.scalars(select(AuditHead).where(AuditHead.id == HEAD_ID)).one()
    if (head.number, head.digest) != (number, digest):
        raise FederatedError(
            f"The audit log ends at row {number}, and {head.number} rows were written; restore it from a backup."
        )
    return number, digest


def check_chain(entries: Iterable[AuditEntry]) -> tuple[int, str]:
    """Number and digest of the last of all entries, oldest first. Raises FederatedError."""
    number, digest = 0, FIRST_PREDECESSOR
    for entry in entries:
        number += 1
        if entry != _with_digest(digest, AuditEntry(number, *_fields(entry)[1:], "")):
            raise FederatedError(
                f"The audit log is not what was written: row {number} does not follow from the rows before it. "
                "Compare it with a backup."
            )
        digest = entry.digest
    return number, digest


def _fields(entry: AuditEntry) -> tuple[int, datetime, str, str, str, str]:
    return entry.number, entry.at, entry.actor, entry.action, entry.subject, entry.details


def _with_digest(before: str, entry: AuditEntry) -> AuditEntry:
    number, at, *texts = _fields(entry)
    row = json.dumps([number, at.isoformat(timespec="microseconds"), *texts], ensure_ascii=False)
    digest = hashlib.sha256(bytes.fromhex(before) + row.encode()).hexdigest()
    return AuditEntry(*_fields(entry), digest)


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.number, row.at, row.actor, row.action, row.subject, row.details, row.digest)
