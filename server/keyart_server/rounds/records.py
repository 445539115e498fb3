"""Rounds in the database. Every step is a transaction of its own; each can be done twice and counts once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import Session, load_only

from keyart.errors import InputError
from keyart.secagg import AggregationParameters, Stage
from keyart_federated.accounting import Mechanism

from .. import audit, budget
from ..budget.charges import from_json, to_json
from ..state.tables import AnswerRow, AskRow, ChargeRow, MemberRow, PartialRow, RoundRow, WindowRow
from .round import COMPARE, GOING_ON, GUARD, OF_STAGE, Open, Round, Standing

KEY_BYTES: Final = 32
MOST_FAILURE: Final = 400  # characters
_SEEN: Final = (
    RoundRow.id, RoundRow.campaign_id, RoundRow.number, RoundRow.topic, RoundRow.standing, RoundRow.low,
    RoundRow.high, RoundRow.wanted, RoundRow.patience, RoundRow.opened, RoundRow.changed, RoundRow.keys,
    RoundRow.shares, RoundRow.masked, RoundRow.unmasked, RoundRow.failure, RoundRow.told,
)  # fmt: skip


def start(
    session: Session,
    at: datetime,
    campaign_id: str,
    number: int,
    topic: str,
    offer: bytes,
    terms: AggregationParameters,
    event: Mechanism,
    waiting: bytes,
    *,
    low: float = 0.0,
    high: float = 1.0,
    wanted: int,
    patience: float,
) -> Round:
    """A new round, at the stage of keys. The campaign's number must be free (IntegrityError)."""
    row = RoundRow(
        id=terms.round_id.hex(),
        campaign_id=campaign_id,
        number=number,
        topic=topic,
        standing="keys",
        offer=offer,
        terms=terms.to_bytes(),
        event=to_json(event),
        key=os.urandom(KEY_BYTES),
        waiting=waiting,
        low=low,
        high=high,
        wanted=wanted,
        patience=patience,
        opened=at,
        changed=at,
        keys=0,
        shares=0,
        masked=0,
        unmasked=0,
        failure="",
        total=None,
        told="{}",
    )
    session.add(row)
    session.flush()
    audit.append(session, at, "server", "round.start", campaign_id, round=number, topic=topic)
    return _round(row)


def find(session: Session, round_id: str) -> Round | None:
    row = session.get(RoundRow, round_id, options=[load_only(*_SEEN)])
    return None if row is None else _round(row)


def opened(session: Session, round_id: str) -> Open | None:
    """What a round needs while it goes on."""
    row = session.get(RoundRow, round_id)
    if row is None:
        return None
    return Open(
        row.id, cast(Standing, row.standing), row.offer, AggregationParameters.from_bytes(row.terms), row.event,
        row.key, row.waiting, row.low, row.high, row.wanted, row.patience, row.total,
    )  # fmt: skip


def going_on(session: Session) -> list[Round]:
    """Those that are asked or answered now, oldest first."""
    return _rounds(session, select(RoundRow).where(RoundRow.standing.in_(GOING_ON)).order_by(RoundRow.opened))


def answered(session: Session) -> list[Round]:
    """Those whose sum waits to be read, oldest first."""
    return _rounds(session, select(RoundRow).where(RoundRow.standing == "answered").order_by(RoundRow.changed))


def of_campaign(
    session: Session, campaign_id: str, limit: int | None = None, judging: str | None = None
) -> list[Round]:
    """Newest first. judging: only rounds of exactly this topic; "": only the campaign's own, which judge nothing."""
    rows = select(RoundRow).where(RoundRow.campaign_id == campaign_id)
    if judging is not None:
        rows = rows.where(RoundRow.topic == judging if judging else _own())
    return _rounds(session, rows.order_by(RoundRow.number.desc()).limit(limit))


def lost(session: Session, campaign_id: str) -> int:
    """How many of the campaign's own rounds were paid for and never read."""
    paid = (ChargeRow.campaign_id == RoundRow.campaign_id) & (ChargeRow.number == RoundRow.number)
    failed = RoundRow.campaign_id == campaign_id, RoundRow.standing == "failed", _own()
    return session.scalars(select(func.count()).select_from(RoundRow).join(ChargeRow, paid).where(*failed)).one()


def newest(session: Session, limit: int) -> list[Round]:
    """Of all campaigns, newest first."""
    return _rounds(session, select(RoundRow).order_by(RoundRow.opened.desc(), RoundRow.id).limit(limit))


def count(session: Session) -> dict[str, int]:
    """How many stand where."""
    return {
        row[0]: row[1] for row in session.execute(select(RoundRow.standing, func.count()).group_by(RoundRow.standing))
    }


def passed(session: Session, at: datetime, round_id: str, stage: Stage, answered: int) -> Round:
    """A stage is over: so many have answered. Opening the stage of masked vectors pays for the round.

    Raises BudgetSpent, and then nothing has changed; InputError for a round that does not go on.
    """
    row = _locked(session, round_id)
    stages = list(Stage)
    here = next((one for one, standing in OF_STAGE.items() if standing == row.standing), None)
    if here is None or stage > here:
        raise InputError(f"Round {row.number} of campaign {row.campaign_id} stands at {row.standing}.")
    if stage < here:
        return _round(row)  # resumed: it had passed this stage before
    if stage is Stage.SHARE:
        budget.charge(session, at, row.campaign_id, row.number, from_json(row.event), row.low, row.high)
    setattr(row, _COUNTED[stage], answered)
    if stage is not Stage.UNMASK:
        row.standing = OF_STAGE[stages[stages.index(stage) + 1]]
    row.changed = at
    return _round(row)


def answer(session: Session, at: datetime, round_id: str, total: npt.NDArray[np.int64], answered: int) -> None:
    """The sum is in; the campaign can read it. answered: devices that did at the last stage."""
    row = _locked(session, round_id)
    if row.standing in ("answered", "done"):
        return
    if row.standing != "unmask":
        raise InputError(f"Round {row.number} of campaign {row.campaign_id} stands at {row.standing}.")
    row.standing, row.unmasked, row.total, row.changed = "answered", answered, total.astype("<i8").tobytes(), at


def finish(session: Session, at: datetime, round_id: str, told: Mapping[str, Any]) -> None:
    """The campaign has read the sum. What was asked and answered is forgotten."""
    row = _locked(session, round_id)
    if row.standing == "done":
        return
    row.standing, row.told, row.changed = "done", json.dumps(told, allow_nan=False), at
    _forget(session, row)
    audit.append(session, at, "server", "round.finish", row.campaign_id, round=row.number, devices=row.masked)


def fail(session: Session, at: datetime, round_id: str, reason: str) -> None:
    """It came to nothing. What was asked and answered is forgotten; what was paid stays paid."""
    row = _locked(session, round_id)
    if row.standing in ("done", "failed"):
        return
    row.standing, row.failure, row.changed = "failed", reason[:MOST_FAILURE], at
    _forget(session, row)
    audit.append(session, at, "server", "round.fail", row.campaign_id, round=row.number, reason=reason[:MOST_FAILURE])


def total_of(found: Open) -> npt.NDArray[np.int64]:
    """Of a round that stands at `answered`."""
    return np.frombuffer(found.total or b"", "<i8").astype(np.int64)


_COUNTED: Final[Mapping[Stage, str]] = {
    Stage.KEYS: "keys",
    Stage.SHARE: "shares",
    Stage.MASKED: "masked",
    Stage.UNMASK: "unmasked",
}


def _own() -> ColumnElement[bool]:
    return and_(*(~RoundRow.topic.startswith(judging, autoescape=True) for judging in (COMPARE, GUARD)))


def _locked(session: Session, round_id: str) -> RoundRow:
    row = session.get(RoundRow, round_id, with_for_update=True)
    if row is None:
        raise InputError(f"There is no round {round_id}.")
    return row


def _forget(session: Session, row: RoundRow) -> None:
    row.offer, row.waiting, row.total = b"", b"", None
    for table in (AnswerRow, AskRow, MemberRow, PartialRow, WindowRow):
        session.execute(delete(table).where(table.round_id == row.id))


def _rounds(session: Session, rows: Any) -> list[Round]:
    found: Iterable[RoundRow] = session.scalars(rows.options(load_only(*_SEEN)))
    return [_round(row) for row in found]


def _round(row: RoundRow) -> Round:
    return Round(
        id=row.id,
        campaign_id=row.campaign_id,
        number=row.number,
        topic=row.topic,
        standing=cast(Standing, row.standing),
        low=row.low,
        high=row.high,
        wanted=row.wanted,
        patience=row.patience,
        opened=row.opened,
        changed=row.changed,
        answered={stage: getattr(row, name) for stage, name in _COUNTED.items()},
        failure=row.failure,
        told=json.loads(row.told),
    )
