"""The request to a member of a round at a stage."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from keyart.secagg import Stage

from ..rounds.round import ACTIVE, STATUS_OF_STAGE
from ..state.tables import MemberRow, RoundRow, StageRequestRow, WindowRow
from .tickets import Ticket
from .validation import STAGE_CLOSED, SubmissionResult

NOT_YET = SubmissionResult(202)
# Made once: every device asks this at three stages, and making it takes as long as the database needs to answer.
_REQUEST: Final = (
    select(RoundRow.standing, StageRequestRow.message, WindowRow.closes, WindowRow.closed)
    .outerjoin(
        MemberRow,
        and_(
            MemberRow.round_id == RoundRow.id,
            MemberRow.number == bindparam("number"),
            MemberRow.device_key_hash == bindparam("key_hash"),
        ),
    )
    .outerjoin(
        StageRequestRow,
        and_(
            StageRequestRow.round_id == RoundRow.id,
            StageRequestRow.stage == bindparam("stage"),
            StageRequestRow.number == MemberRow.number,
        ),
    )
    .outerjoin(
        WindowRow,
        and_(
            WindowRow.round_id == RoundRow.id,
            WindowRow.stage == bindparam("stage"),
            WindowRow.gateway == bindparam("gateway"),
        ),
    )
    .where(RoundRow.id == bindparam("round_id"))
)


def stage_request(
    session: Session, at: datetime, round_id: str, stage: Stage, ticket: Ticket
) -> bytes | SubmissionResult:
    """Return the message, or a result that says why there is none: not yet (202) or not any more (410).

    A relay stores requests and window in one transaction: with a window but no request, this member
    has nothing to do at the stage.
    """
    values = {
        "round_id": round_id, "stage": int(stage), "number": ticket.number, "key_hash": ticket.key_hash,
        "gateway": ticket.gateway,
    }  # fmt: skip
    row = session.execute(_REQUEST, values).one_or_none()
    if row is None or row.standing not in ACTIVE:
        return SubmissionResult(410, STAGE_CLOSED)
    current, requested = ACTIVE.index(row.standing), ACTIVE.index(STATUS_OF_STAGE[stage])
    if current < requested or (current == requested and row.closes is None):
        return NOT_YET
    if current > requested or row.message is None or row.closed or at >= row.closes:
        return SubmissionResult(410, STAGE_CLOSED)
    message: bytes = row.message
    return message
