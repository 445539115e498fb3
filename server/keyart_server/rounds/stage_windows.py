"""A stage of a round at one gateway: the requests to its members, and their submissions until the window closes.

The relay (`flower.client_app`) opens, closes and collects; the HTTP gateway (`gateway`) accepts submissions in
between. A submission counts if its transaction sees an open window. A closed window never changes, so collecting it
again after a kill yields the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from keyart.secagg import REPLY_FLAG, AggregationParameters, Stage, packets_asked
from keyart_federated.secagg import Gateway
from keyart_federated.secagg.stage_messages import StageMessages

from ..state.tables import GatewayRow, PartialSumRow, StageRequestRow, SubmissionRow, TableBase, WindowRow
from ..state.upsert import upsert

ROWS_PER_STATEMENT = 200
SILENT_AFTER = timedelta(minutes=5)  # without a heartbeat, a gateway is reported as silent
REMOVED_AFTER = timedelta(days=1)  # a gateway that is silent for longer counts as removed


def record_heartbeat(session: Session, at: datetime, gateway: str) -> None:
    """Record that the gateway is alive."""
    insert = upsert(session, GatewayRow).values(name=gateway, last_heartbeat=at)
    session.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"last_heartbeat": at}))


def is_alive(last_heartbeat: datetime, at: datetime) -> bool:
    """Tell whether a gateway with this last heartbeat is not silent."""
    return last_heartbeat >= at - SILENT_AFTER


def list_gateways(session: Session, at: datetime) -> list[str]:
    """Return the gateways that are alive."""
    return [name for name, last in last_heartbeats(session).items() if is_alive(last, at)]


def last_heartbeats(session: Session) -> dict[str, datetime]:
    """Return the time of the last heartbeat by gateway."""
    rows = session.execute(select(GatewayRow.name, GatewayRow.last_heartbeat).order_by(GatewayRow.name))
    return {row[0]: row[1] for row in rows}


def open_window(
    session: Session,
    at: datetime,
    parameters: AggregationParameters,
    stage: Stage,
    gateway: str,
    due: int,
    patience: float,
) -> None:
    """Accept submissions for `patience` seconds or until `due` have arrived; an open window is left as it is."""
    _insert(
        session,
        WindowRow,
        [
            {
                "round_id": parameters.round_id.hex(),
                "stage": int(stage),
                "gateway": gateway,
                "due": due,
                "closes": at + timedelta(seconds=patience),
                "closed": False,
            }
        ],
    )


def store_requests(
    session: Session, parameters: AggregationParameters, stage: Stage, parts: Mapping[int, bytes]
) -> None:
    """Store the requests of members, by number; stored ones are left as they are."""
    round_id, masked = parameters.round_id, stage is Stage.MASKED
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
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        _insert(session, StageRequestRow, rows[start : start + ROWS_PER_STATEMENT])


def is_over(session: Session, at: datetime, parameters: AggregationParameters, stage: Stage, gateway: str) -> bool:
    """Tell whether all expected submissions have arrived, the time is over, or the window is closed."""
    window = session.get(WindowRow, (parameters.round_id.hex(), int(stage), gateway))
    if window is None:
        return False
    return (
        window.closed or at >= window.closes or count_submissions(session, parameters, stage, gateway) >= window.due
    )


def count_submissions(session: Session, parameters: AggregationParameters, stage: Stage, gateway: str) -> int:
    """Count the submissions at a stage."""
    conditions = _submissions_of(parameters, stage, gateway)
    return session.scalars(select(func.count()).select_from(SubmissionRow).where(*conditions)).one()


def close_window(session: Session, parameters: AggregationParameters, stage: Stage, gateway: str) -> None:
    """Close the window; later submissions do not count."""
    window = session.get(WindowRow, (parameters.round_id.hex(), int(stage), gateway), with_for_update=True)
    if window is not None:
        window.closed = True


def collect(session: Session, parameters: AggregationParameters, stage: Stage, gateway: str) -> bytes:
    """Return the submissions of a closed window for `Coordinator.receive`."""
    rows = session.execute(
        select(SubmissionRow.number, SubmissionRow.body).where(*_submissions_of(parameters, stage, gateway))
    )
    parts: dict[int, bytes] = {row[0]: row[1] for row in rows}
    if stage is not Stage.MASKED:
        relay = Gateway(parameters)
        relay.stage = stage
        return relay.collect(parts)
    total = np.zeros(parameters.size, dtype=f"<u{parameters.lane_bytes}")
    rows_of_lanes = select(PartialSumRow.lanes).where(
        PartialSumRow.round_id == parameters.round_id.hex(), PartialSumRow.gateway == gateway
    )
    for partial in session.scalars(rows_of_lanes.execution_options(yield_per=16)):
        total += np.frombuffer(partial, total.dtype)
    return StageMessages(stage | REPLY_FLAG, parts, total.tobytes()).to_bytes(parameters.round_id)


def _submissions_of(parameters: AggregationParameters, stage: Stage, gateway: str) -> tuple[ColumnElement[bool], ...]:
    return (
        SubmissionRow.round_id == parameters.round_id.hex(),
        SubmissionRow.stage == int(stage),
        SubmissionRow.gateway == gateway,
    )


def _insert(session: Session, table: type[TableBase], rows: list[dict[str, object]]) -> None:
    """Insert the rows that do not exist yet."""
    if rows:
        session.execute(upsert(session, table).values(rows).on_conflict_do_nothing())
