"""The request to a member of a round at a stage."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from keyart.secagg import Stage

from ..rounds.round import ACTIVE, STATUS_OF_STAGE
from ..state.tables import MemberRow, RoundRow, StageRequestRow, WindowRow
from .tickets import Ticket
from .validation import STAGE_CLOSED, SubmissionResult

NOT_YET = SubmissionResult(202)


def stage_request(
    session: Session, at: datetime, round_id: str, stage: Stage, ticket: Ticket
) -> bytes | SubmissionResult:
    """Return the message, or a result that says why there is none: not yet (202) or not any more (410).

    A relay stores requests and window in one transaction: with a window but no request, this member
    has nothing to do at the stage.
    """
    same_member = and_(
        MemberRow.round_id == RoundRow.id,
        MemberRow.number == ticket.number,
        MemberRow.device_key_hash == ticket.key_hash,
    )
    same_request = and_(
        StageRequestRow.round_id == RoundRow.id,
        StageRequestRow.stage == stage,
        StageRequestRow.number == MemberRow.number,
    )
    same_window = and_(
        WindowRow.round_id == RoundRow.id, WindowRow.stage == stage, WindowRow.gateway == ticket.gateway
    )
    row = session.execute(
        select(RoundRow.standing, StageRequestRow.message, WindowRow.closes, WindowRow.closed)
        .outerjoin(MemberRow, same_member)
        .outerjoin(StageRequestRow, same_request)
        .outerjoin(WindowRow, same_window)
        .where(RoundRow.id == round_id)
    ).one_or_none()
    if row is None or row.standing not in ACTIVE:
        return SubmissionResult(410, STAGE_CLOSED)
    current, requested = ACTIVE.index(row.standing), ACTIVE.index(STATUS_OF_STAGE[stage])
    if current < requested or (current == requested and row.closes is None):
        return NOT_YET
    if current > requested or row.message is None or row.closed or at >= row.closes:
        return SubmissionResult(410, STAGE_CLOSED)
    message: bytes = row.message
    return message
