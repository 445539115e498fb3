"""The page `/audit`: every change, newest first, and the verification of the log. For administrators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from keyart.errors import FederatedError

from ... import audit_log
from ...access import Who
from ...service import Service
from ..responses import page_router, render_page

ROWS_PER_PAGE: Final = 50
# Subjects of changes; an action is a noun and a verb.
NOUNS: Final = (
    "budget", "bundle", "campaign", "catalog", "device", "invitation", "issuer", "keys", "person", "release", "round",
    "session", "state", "token",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """Result of the verification: rows and digest of the whole log, or the error in `broken`."""

    rows: int
    digest: str
    broken: str


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the route of the page."""
    administering = page_router(service, "administer")

    @administering.get("/audit")
    def log(
        request: Request,
        who: Who,
        noun: str = "",
        before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
        check: bool = False,
    ) -> Response:
        with service.state.reading() as session:
            rows = audit_log.newest(session, ROWS_PER_PAGE + 1, before, noun if noun in NOUNS else "")
            chain_check = checked_chain(session) if check else None
        return render_page(
            service, request, who, "audit.html",
            entries=rows[:ROWS_PER_PAGE],
            older=rows[ROWS_PER_PAGE - 1].number if len(rows) > ROWS_PER_PAGE else None,
            nouns=NOUNS,
            noun=noun,
            before=before,
            check=chain_check,
        )  # fmt: skip

    return (administering,)


def checked_chain(session: Session) -> ChainCheck:
    """Verify the whole log; done on request only."""
    try:
        return ChainCheck(*audit_log.verify(session), "")
    except FederatedError as error:
        return ChainCheck(0, "", str(error))
