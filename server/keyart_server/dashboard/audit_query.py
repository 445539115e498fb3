"""Queries of the audit page: entries by actor, action and subject, and the names that they are shown with."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..audit_log import AuditEntry
from ..state import ServerState
from ..state.tables import AuditRow, CampaignRow, PersonRow, TokenRow
from .audit_words import Names

ROWS_AT_ONCE = 1000  # of an export


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """The conditions of the entries that are shown; an empty text restricts nothing.

    Attributes:
        actor: part of the actor's name.
        action: an action such as `campaign.start`, or its noun.
        subject: id of the subject, a model version, or part of a campaign's name.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""

    def __bool__(self) -> bool:
        """Tell whether anything is restricted."""
        return bool(self.actor or self.action or self.subject)

    def query(self, **more: object) -> str:
        """Return the filter as the query of an address, with further parameters."""
        given = {"actor": self.actor, "action": self.action, "subject": self.subject, **more}
        text = urlencode({name: value for name, value in given.items() if value})
        return f"?{text}" if text else ""


def entries(session: Session, wanted: AuditFilter, limit: int, before: int | None = None) -> list[AuditEntry]:
    """Return up to `limit` matching entries with a number below `before`, newest first."""
    rows = select(AuditRow).order_by(AuditRow.number.desc()).limit(limit)
    if before is not None:
        rows = rows.where(AuditRow.number < before)
    if wanted.actor:
        rows = rows.where(AuditRow.actor.icontains(wanted.actor, autoescape=True))
    if wanted.action:
        whole = AuditRow.action == wanted.action
        rows = rows.where(or_(whole, AuditRow.action.startswith(f"{wanted.action}.", autoescape=True)))
    if wanted.subject:
        named = select(CampaignRow.id).where(CampaignRow.name.icontains(wanted.subject, autoescape=True))
        subject = wanted.subject.lower().removeprefix("model ").strip()
        rows = rows.where(or_(AuditRow.subject == subject, AuditRow.subject.in_(named)))
    return [
        AuditEntry(row.number, row.at, row.actor, row.action, row.subject, row.details, row.digest)
        for row in session.scalars(rows)
    ]


def names_of(session: Session) -> Names:
    """Return the names of all campaigns, people and tokens."""
    columns = ((CampaignRow.id, CampaignRow.name), (PersonRow.id, PersonRow.name), (TokenRow.id, TokenRow.name))
    return Names(*({row[0]: row[1] for row in session.execute(select(*pair))} for pair in columns))


def batches(state: ServerState, wanted: AuditFilter) -> Iterator[tuple[Collection[AuditEntry], Names]]:
    """Yield all matching entries, newest first, in batches with a transaction of their own."""
    before = None
    while True:
        with state.reading() as session:
            batch, names = entries(session, wanted, ROWS_AT_ONCE, before), names_of(session)
        if batch:
            yield batch, names
            before = batch[-1].number
        if len(batch) < ROWS_AT_ONCE:
            return
