"""The audit log: one row per change, appended in the transaction of the change and chained by hashes.

The digest of a row is sha256(digest of the previous row ‖ the row as canonical JSON); the first row follows 64 zeros.
Whoever stores a digest elsewhere can detect later changes to all rows before it. The database refuses to update or
delete rows; the chain detects changes that bypass the database.

Each row is also a line of the log (`monitoring.events`), in the process that wrote it and once the row is durable.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from keyart.errors import FederatedError

from .http.pagination import PageRequest, read_page
from .monitoring import events
from .state.tables.audit import FIRST_PREDECESSOR, HEAD_ID, AuditHead, AuditRow

_UNCOMMITTED: Final = "keyart_audit_entries"  # key of the rows in the `info` of a session
MAX_REASON_LENGTH: Final = 300  # characters of a reason that a person gives; a status also names the person
MAX_REMEMBERED: Final = 10_000
_written_here: dict[str, None] = {}  # digests of the newest rows of this process, oldest first
_turn = threading.Lock()  # of `_written_here`


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A row of the audit log.

    Attributes:
        at: time of the change, with zone.
        actor: `person:NAME`, `token:NAME` or `server`.
        action: noun and verb, such as `campaign.start`.
        subject: id of the object that was changed.
        details: canonical JSON; it names no title and no device.
    """

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: str
    digest: str


def append(session: Session, at: datetime, actor: str, action: str, subject: str, **details: Any) -> AuditEntry:
    """Append a row inside the transaction of `ServerState.writing`, so that no change is stored without its row."""
    head = lock(session)
    text = json.dumps(details, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    entry = _with_digest(head.digest, AuditEntry(head.number + 1, at, actor, action, subject, text, ""))
    session.add(AuditRow(**asdict(entry)))
    head.number, head.digest = entry.number, entry.digest
    _remember(entry)
    uncommitted = session.info.setdefault(_UNCOMMITTED, [])
    if not uncommitted:
        event.listen(session, "after_commit", _log_committed, once=True)
    uncommitted.append(entry)
    return entry


def log_line(entry: AuditEntry) -> None:
    """Log the row."""
    events.emit_audited(entry.action, entry.number, entry.actor, entry.subject, json.loads(entry.details))


def is_written_here(entry: AuditEntry) -> bool:
    """Tell whether this process wrote the row, and so has logged it. The newest `MAX_REMEMBERED` are known."""
    with _turn:
        return entry.digest in _written_here


def following(session: Session, number: int, limit: int) -> list[AuditEntry]:
    """Return up to `limit` rows after this number, oldest first."""
    rows = select(AuditRow).where(AuditRow.number > number).order_by(AuditRow.number).limit(limit)
    return [_entry(row) for row in session.scalars(rows)]


def newest_number(session: Session) -> int:
    """Return the number of the newest row; 0 if there is none."""
    return session.scalars(select(AuditHead.number).where(AuditHead.id == HEAD_ID)).one()


def lock(session: Session) -> AuditHead:
    """Lock the log for other writers until this transaction ends."""
    return session.scalars(select(AuditHead).where(AuditHead.id == HEAD_ID).with_for_update()).one()


def newest(session: Session, limit: int, before: int | None = None, noun: str = "") -> list[AuditEntry]:
    """Return up to `limit` rows, newest first; `before` and `noun`, if given, restrict their numbers and actions."""
    rows = select(AuditRow).order_by(AuditRow.number.desc()).limit(limit)
    if noun:
        rows = rows.where(AuditRow.action.startswith(f"{noun}."))
    if before is not None:
        rows = rows.where(AuditRow.number < before)
    return [_entry(row) for row in session.scalars(rows)]


def list_page(session: Session, paging: PageRequest) -> tuple[list[AuditEntry], str | None]:
    """Return one page of entries, newest first, and the cursor of the next page."""
    page, following = read_page(session, select(AuditRow), (AuditRow.number,), paging)
    return [_entry(row) for row in page], following


def entries_after(session: Session, number: int, limit: int) -> list[AuditEntry]:
    """Return up to `limit` rows behind a number, oldest first: rows are numbered in the order of their commits."""
    rows = select(AuditRow).where(AuditRow.number > number).order_by(AuditRow.number).limit(limit)
    return [_entry(row) for row in session.scalars(rows)]


def verify(session: Session) -> tuple[int, str]:
    """Verify the whole log.

    Returns:
        The number of rows and the digest of the last one.

    Raises:
        FederatedError: at the first row that does not match.
    """
    rows = session.scalars(select(AuditRow).order_by(AuditRow.number).execution_options(yield_per=1000))
    number, digest = check_chain(map(_entry, rows))
    head = session.scalars(select(AuditHead).where(AuditHead.id == HEAD_ID)).one()
    if (head.number, head.digest) != (number, digest):
        raise FederatedError(
            f"The audit log ends at row {number}, but {head.number} rows were written; restore it from a backup."
        )
    return number, digest


def check_chain(entries: Iterable[AuditEntry]) -> tuple[int, str]:
    """Return the number and digest of the last entry of a chain, given oldest first.

    Raises:
        FederatedError: if the chain is broken.
    """
    number, digest = 0, FIRST_PREDECESSOR
    for entry in entries:
        number += 1
        if entry != _with_digest(digest, AuditEntry(number, *_fields(entry)[1:], "")):
            raise FederatedError(
                f"The audit log was altered: the hash of row {number} does not match the rows before it. "
                "Compare it with a backup."
            )
        digest = entry.digest
    return number, digest


def _remember(entry: AuditEntry) -> None:
    with _turn:
        _written_here[entry.digest] = None
        if len(_written_here) > MAX_REMEMBERED:
            del _written_here[next(iter(_written_here))]


def _log_committed(session: Session) -> None:
    for entry in session.info.pop(_UNCOMMITTED, ()):
        log_line(entry)


def _fields(entry: AuditEntry) -> tuple[int, datetime, str, str, str, str]:
    return entry.number, entry.at, entry.actor, entry.action, entry.subject, entry.details


def _with_digest(before: str, entry: AuditEntry) -> AuditEntry:
    number, at, *texts = _fields(entry)
    row = json.dumps([number, at.isoformat(timespec="microseconds"), *texts], ensure_ascii=False)
    digest = hashlib.sha256(bytes.fromhex(before) + row.encode()).hexdigest()
    return AuditEntry(*_fields(entry), digest)


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.number, row.at, row.actor, row.action, row.subject, row.details, row.digest)
