"""The page `/audit`: every change, newest first, its export, and the verification of the log. For administrators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from keyart.errors import FederatedError

from ... import audit_log
from ...access import Who
from ...service import Service
from ...state.tables.base import MAX_NAME_LENGTH
from .. import audit_query
from ..audit_export import csv_lines
from ..audit_query import AuditFilter
from ..audit_words import ACTIONS, action_words, readable
from ..responses import page_router, render_page

ROWS_PER_PAGE: Final = 50
# Subjects of changes; an action is a noun and a verb.
NOUNS: Final = (
    "budget", "bundle", "campaign", "catalog", "device", "gate", "invitation", "issuer", "keys", "person", "release",
    "round", "session", "state", "token", "totp", "webhook",
)  # fmt: skip


def _wanted(
    actor: Annotated[str, Query(max_length=MAX_NAME_LENGTH)] = "",
    action: Annotated[str, Query(max_length=64)] = "",
    subject: Annotated[str, Query(max_length=MAX_NAME_LENGTH)] = "",
) -> AuditFilter:
    return AuditFilter(actor.strip(), action.strip(), subject.strip())


Wanted = Annotated[AuditFilter, Depends(_wanted)]


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """Result of the verification: rows and digest of the whole log, or the error in `broken`."""

    rows: int
    digest: str
    broken: str


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of the page and of its export."""
    administering = page_router(service, "administer")

    @administering.get("/audit")
    def log(
        request: Request,
        who: Who,
        wanted: Wanted,
        before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
        check: bool = False,
    ) -> Response:
        with service.state.reading() as session:
            rows = audit_query.entries(session, wanted, ROWS_PER_PAGE + 1, before)
            names = audit_query.names_of(session)
            chain_check = checked_chain(session) if check else None
        return render_page(
            service, request, who, "audit.html",
            entries=[readable(entry, names) for entry in rows[:ROWS_PER_PAGE]],
            older=rows[ROWS_PER_PAGE - 1].number if len(rows) > ROWS_PER_PAGE else None,
            actions={noun: sorted(known for known in ACTIONS if known.startswith(f"{noun}.")) for noun in NOUNS},
            action_words=action_words,
            wanted=wanted,
            before=before,
            check=chain_check,
        )  # fmt: skip

    @administering.get("/audit.csv")
    def export(who: Who, wanted: Wanted) -> Response:
        """Return all matching entries as CSV, newest first."""
        named = f'attachment; filename="keyart-audit-{service.clock():%Y%m%d-%H%M%S}.csv"'
        lines = csv_lines(audit_query.batches(service.state, wanted))
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": named})

    return (administering,)


def checked_chain(session: Session) -> ChainCheck:
    """Verify the whole log; done on request only."""
    try:
        return ChainCheck(*audit_log.verify(session), "")
    except FederatedError as error:
        return ChainCheck(0, "", str(error))
