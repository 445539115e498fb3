"""A stage of a round at one gateway: what its members are asked, and their answers until the window closes.

The relay (`flower.relay`) opens, closes and collects; the gateway's door (`gateway`) takes answers in between. An
answer counts if its transaction sees the window open; what is closed stays as it is, so that whoever collects it
again, after a kill, gets the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from keyart.secagg import AggregationParameters, Stage
from keyart.secagg.messages import REPLY_FLAG, packets_asked
from keyart_federated.secagg import Gateway
from keyart_federated.secagg.bundle import Bundle

from ..state.insertion import insertion
from ..state.tables import AnswerRow, AskRow, Base, GatewayRow, PartialRow, WindowRow

ROWS = 200  # in one statement
SILENT = timedelta(minutes=5)  # a gateway of which nothing was heard for so long is not there


def hear(session: Session, at: datetime, gateway: str) -> None:
    """A gateway of this name is there."""
    new = insertion(session, GatewayRow).values(name=gateway, heard=at)
    session.execute(new.on_conflict_do_update(index_elements=["name"], set_={"heard": at}))


def gateways(session: Session, since: datetime) -> list[str]:
    """Those that were heard of since then."""
    return list(session.scalars(select(GatewayRow.name).where(GatewayRow.heard >= since).order_by(GatewayRow.name)))


def open_window(
    session: Session,
    at: datetime,
    terms: AggregationParameters,
    stage: Stage,
    gateway: str,
    due: int,
    patience: float,
) -> None:
    """Answers are taken from now on, for `patience` seconds or until `due` have come. One that is open stays."""
    _insert(
        session,
        WindowRow,
        [
            {
                "round_id": terms.round_id.hex(),
                "stage": int(stage),
                "gateway": gateway,
                "due": due,
                "closes": at + timedelta(seconds=patience),
                "closed": False,
            }
        ],
    )


def ask(session: Session, terms: AggregationParameters, stage: Stage, parts: Mapping[int, bytes]) -> None:
    """What each member is asked, by number; what was asked before stays."""
    round_id, masked = terms.round_id, stage is Stage.MASKED
    rows = [
        {
            "round_id": round_id.hex(),
            "stage": int(stage),
            "number": number,
            "packets": packets_asked(message, round_id) if masked else 0,
            "message": message,
        }
        for number, message in parts.items()
    ]
    for first in range(0, len(rows), ROWS):
        _insert(session, AskRow, rows[first : first + ROWS])


def is_over(session: Session, at: datetime, terms: AggregationParameters, stage: Stage, gateway: str) -> bool:
    """Whether all that are due have answered, or the time is over, or it was closed before."""
    window = session.get(WindowRow, (terms.round_id.hex(), int(stage), gateway))
    if window is None:
        return False
    return window.closed or at >= window.closes or came(session, terms, stage, gateway) >= window.due


def came(session: Session, terms: AggregationParameters, stage: Stage, gateway: str) -> int:
    """How many have answered."""
    where = _answers(terms, stage, gateway)
    return session.scalars(select(func.count()).select_from(AnswerRow).where(*where)).one()


def close_window(session: Session, terms: AggregationParameters, stage: Stage, gateway: str) -> None:
    """No answer counts any more."""
    window = session.get(WindowRow, (terms.round_id.hex(), int(stage), gateway), with_for_update=True)
    if window is not None:
        window.closed = True


def collected(session: Session, terms: AggregationParameters, stage: Stage, gateway: str) -> bytes:
    """For `Coordinator.receive`, of a window that is closed."""
    rows = session.execute(select(AnswerRow.number, AnswerRow.body).where(*_answers(terms, stage, gateway)))
    parts: dict[int, bytes] = {row[0]: row[1] for row in rows}
    if stage is not Stage.MASKED:
        relay = Gateway(terms)
        relay.stage = stage
        return relay.collect(parts)
    total = np.zeros(terms.size, dtype=f"<u{terms.lane_bytes}")
    lanes = select(PartialRow.lanes).where(PartialRow.round_id == terms.round_id.hex(), PartialRow.gateway == gateway)
    for partial in session.scalars(lanes.execution_options(yield_per=16)):
        total += np.frombuffer(partial, total.dtype)
    return Bundle(stage | REPLY_FLAG, parts, total.tobytes()).to_bytes(terms.round_id)


def _answers(terms: AggregationParameters, stage: Stage, gateway: str) -> tuple[ColumnElement[bool], ...]:
    return (
        AnswerRow.round_id == terms.round_id.hex(),
        AnswerRow.stage == int(stage),
        AnswerRow.gateway == gateway,
    )


def _insert(session: Session, table: type[Base], rows: list[dict[str, object]]) -> None:
    """Those that are not there yet."""
    if rows:
        session.execute(insertion(session, table).values(rows).on_conflict_do_nothing())
