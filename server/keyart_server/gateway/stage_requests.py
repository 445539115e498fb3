"""What a member of a round is asked at a stage, if it is asked now."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from keyart.secagg import Stage

from ..rounds.round import GOING_ON, OF_STAGE
from ..state.tables import AskRow, RoundRow, WindowRow
from .tickets import Ticket
from .validation import OVER, Verdict

NOT_YET = Verdict(202)


def question(session: Session, at: datetime, round_id: str, stage: Stage, ticket: Ticket) -> bytes | Verdict:
    """The message, or why there is none: not yet (202), or not any more (410).

    A gateway's relay writes questions and window in one transaction: where there is a window and no question, this
    member is not asked.
    """
    asks = and_(AskRow.round_id == RoundRow.id, AskRow.stage == stage, AskRow.number == ticket.number)
    windows = and_(WindowRow.round_id == RoundRow.id, WindowRow.stage == stage, WindowRow.gateway == ticket.gateway)
    found = session.execute(
        select(RoundRow.standing, AskRow.message, WindowRow.closes, WindowRow.closed)
        .outerjoin(AskRow, asks)
        .outerjoin(WindowRow, windows)
        .where(RoundRow.id == round_id)
    ).one_or_none()
    if found is None or found.standing not in GOING_ON:
        return Verdict(410, OVER)
    now, then = GOING_ON.index(found.standing), GOING_ON.index(OF_STAGE[stage])
    if now < then or (now == then and found.closes is None):
        return NOT_YET
    if now > then or found.message is None or found.closed or at >= found.closes:
        return Verdict(410, OVER)
    message: bytes = found.message
    return message
