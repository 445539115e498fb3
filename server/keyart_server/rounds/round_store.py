"""Rounds in the database. Every step is one transaction; repeating a step has no further effect."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, Row, and_, delete, func, or_, select
from sqlalchemy.orm import Session, load_only

from keyart.errors import InputError
from keyart.secagg import AggregationParameters, Stage
from keyart_federated.accounting import Mechanism
from keyart_federated.campaigns import finished_rounds
from keyart_federated.campaigns.campaign import Campaign

from .. import audit_log, budget
from ..budget.charges import from_json, to_json
from ..http.pagination import PageRequest, read_page
from ..state.tables import (
    CampaignRow,
    ChargeRow,
    MemberRow,
    PartialSumRow,
    RoundRow,
    StageRequestRow,
    SubmissionRow,
    WindowRow,
)
from . import exclusions
from .round import ACTIVE, COMPARISON_TOPIC, ENDED, GUARD_TOPIC, STATUS_OF_STAGE, OpenRound, Round, RoundStatus

KEY_BYTES: Final = 32
MAX_FAILURE_LENGTH: Final = 400  # characters
_SUMMARY_COLUMNS: Final = (
    RoundRow.id, RoundRow.campaign_id, RoundRow.number, RoundRow.topic, RoundRow.standing, RoundRow.low,
    RoundRow.high, RoundRow.wanted, RoundRow.patience, RoundRow.opened, RoundRow.changed, RoundRow.keys,
    RoundRow.shares, RoundRow.masked, RoundRow.unmasked, RoundRow.failure, RoundRow.result,
)  # fmt: skip


def start(
    session: Session,
    at: datetime,
    campaign_id: str,
    number: int,
    topic: str,
    offer: bytes,
    parameters: AggregationParameters,
    event: Mechanism,
    waiting: bytes,
    *,
    low: float = 0.0,
    high: float = 1.0,
    wanted: int,
    patience: float,
) -> Round:
    """Create a round at the stage of keys. Raises IntegrityError if the campaign's round number is taken."""
    row = RoundRow(
        id=parameters.round_id.hex(),
        campaign_id=campaign_id,
        number=number,
        topic=topic,
        standing="keys",
        offer=offer,
        parameters=parameters.to_bytes(),
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
        result="{}",
    )
    session.add(row)
    session.flush()
    audit_log.append(
        session, at, "server", "round.start", campaign_id,
        round=number, kind=_kind(session, row), topic=topic, asked=wanted, minimum=parameters.minimum_devices,
    )  # fmt: skip
    return _round(row)


def find(session: Session, round_id: str) -> Round | None:
    """Return the round, or None."""
    row = session.get(RoundRow, round_id, options=[load_only(*_SUMMARY_COLUMNS)])
    return None if row is None else _round(row)


def find_open(session: Session, round_id: str) -> OpenRound | None:
    """Return the data that a round needs while it is active, or None."""
    row = session.get(RoundRow, round_id)
    if row is None:
        return None
    return OpenRound(
        row.id, cast(RoundStatus, row.standing), row.offer, AggregationParameters.from_bytes(row.parameters), row.key,
        row.waiting, row.low, row.high, row.wanted, row.total,
    )  # fmt: skip


def list_active(session: Session) -> list[Round]:
    """Return the rounds that are waiting for devices, oldest first."""
    return _rounds(session, select(RoundRow).where(RoundRow.standing.in_(ACTIVE)).order_by(RoundRow.opened))


def list_answered(session: Session) -> list[Round]:
    """Return the rounds whose sum has not been read yet, oldest first."""
    return _rounds(session, select(RoundRow).where(RoundRow.standing == "answered").order_by(RoundRow.changed))


def list_for_campaign(
    session: Session, campaign_id: str, limit: int | None = None, topic: str | None = None
) -> list[Round]:
    """Return rounds of a campaign, newest first.

    `topic` restricts them to one topic; "" selects the rounds that evaluate no release.
    """
    rows = select(RoundRow).where(RoundRow.campaign_id == campaign_id)
    if topic is not None:
        rows = rows.where(RoundRow.topic == topic if topic else _is_own_round())
    return _rounds(session, rows.order_by(RoundRow.number.desc()).limit(limit))


def list_for_campaigns(session: Session, campaign_ids: Collection[str], limit: int) -> list[Round]:
    """Return the own rounds of campaigns, newest first, at most `limit` of all together."""
    rows = select(RoundRow).where(RoundRow.campaign_id.in_(campaign_ids), _is_own_round())
    return _rounds(session, rows.order_by(RoundRow.changed.desc()).limit(limit))


def list_evaluating(session: Session, version: int) -> list[Round]:
    """Return the rounds of all campaigns that evaluate a model version, oldest first."""
    # The topic ends with the version, or goes on after a blank, so that model 1 does not take the rounds of model 17.
    topics = (f"{COMPARISON_TOPIC}{version}", f"{GUARD_TOPIC}{version}")
    named = [
        or_(RoundRow.topic == topic, RoundRow.topic.startswith(f"{topic} ", autoescape=True)) for topic in topics
    ]
    return _rounds(session, select(RoundRow).where(or_(*named)).order_by(RoundRow.opened, RoundRow.number))


def count_lost(session: Session, campaign_id: str) -> int:
    """Count the campaign's own rounds that were charged and never read."""
    paid = (ChargeRow.campaign_id == RoundRow.campaign_id) & (ChargeRow.number == RoundRow.number)
    failed = RoundRow.campaign_id == campaign_id, RoundRow.standing == "failed", _is_own_round()
    return session.scalars(select(func.count()).select_from(RoundRow).join(ChargeRow, paid).where(*failed)).one()


def count_by_status(session: Session) -> dict[str, int]:
    """Count rounds by status."""
    return {
        row[0]: row[1] for row in session.execute(select(RoundRow.standing, func.count()).group_by(RoundRow.standing))
    }


def list_page(
    session: Session, paging: PageRequest, campaign_id: str, standing: RoundStatus | None = None
) -> tuple[list[Round], str | None]:
    """Return one page of a campaign's rounds, of one status if it is given, and the cursor of the next page."""
    rows = select(RoundRow).where(RoundRow.campaign_id == campaign_id).options(load_only(*_SUMMARY_COLUMNS))
    if standing is not None:
        rows = rows.where(RoundRow.standing == standing)
    page, following = read_page(session, rows, (RoundRow.number,), paging)
    return [_round(row) for row in page], following


def submissions_by_stage(session: Session, rounds: Sequence[Round]) -> dict[str, dict[Stage, int]]:
    """Count the devices that have submitted at each stage, over all gateways, by round."""
    if not rounds:
        return {}
    key_columns = (SubmissionRow.round_id, SubmissionRow.stage)
    counts = (
        select(*key_columns, func.count())
        .where(SubmissionRow.round_id.in_([round_.id for round_ in rounds]))
        .group_by(*key_columns)
    )
    by_round: dict[str, dict[Stage, int]] = {}
    for round_id, stage, devices in session.execute(counts):
        by_round.setdefault(round_id, {})[Stage(stage)] = devices
    return by_round


def newest_done(session: Session, campaign_ids: Collection[str]) -> dict[str, Round]:
    """Return the newest round of each campaign whose sum was read, by campaign."""
    newest = (
        select(RoundRow.campaign_id, func.max(RoundRow.number).label("number"))
        .where(RoundRow.campaign_id.in_(campaign_ids), RoundRow.standing == "done")
        .group_by(RoundRow.campaign_id)
        .subquery()
    )
    same = (newest.c.campaign_id == RoundRow.campaign_id) & (newest.c.number == RoundRow.number)
    return {round_.campaign_id: round_ for round_ in _rounds(session, select(RoundRow).join(newest, same))}


def count_done(session: Session, campaigns: Collection[Campaign]) -> dict[str, int]:
    """Count the planned rounds of campaigns that are done, by campaign."""
    topics = RoundRow.campaign_id, RoundRow.topic
    done = select(*topics, func.count()).where(
        RoundRow.campaign_id.in_([campaign.id for campaign in campaigns]),
        RoundRow.standing == "done",
        _is_own_round(),
    )
    sums: dict[str, dict[str, int]] = {}
    for campaign_id, topic, count in session.execute(done.group_by(*topics)):
        sums.setdefault(campaign_id, {})[topic] = count
    return {campaign.id: finished_rounds(campaign, sums.get(campaign.id, {})) for campaign in campaigns}


def advance(session: Session, at: datetime, round_id: str, stage: Stage, answered: int) -> Round:
    """End a stage with the number of devices that completed it.

    Opening the stage of masked vectors charges the round.

    Raises:
        BudgetSpent: if the budget does not allow it; nothing is changed.
        InputError: for a round that is not active.
    """
    row = _locked(session, round_id)
    stages = list(Stage)
    current = next(
        (candidate_stage for candidate_stage, standing in STATUS_OF_STAGE.items() if standing == row.standing), None
    )
    if current is None or stage > current:
        raise InputError(f"Round {row.number} of campaign {row.campaign_id} has status {row.standing}.")
    if stage < current:
        return _round(row)  # the round was resumed; it has passed this stage already
    if stage is Stage.SHARE:
        budget.charge(session, at, row.campaign_id, row.number, from_json(row.event), row.low, row.high)
    if stage is Stage.UNMASK:
        row.unmasked = answered  # `store_sum` ends the stage
    else:
        _record_stage(session, at, row, stage, answered)
        row.standing = STATUS_OF_STAGE[stages[stages.index(stage) + 1]]
    row.changed = at
    return _round(row)


def store_sum(session: Session, at: datetime, round_id: str, total: npt.NDArray[np.int64], answered: int) -> None:
    """Store the sum of a round; `answered` is the number of devices at the last stage."""
    row = _locked(session, round_id)
    if row.standing in ("answered", "done"):
        return
    if row.standing != "unmask":
        raise InputError(f"Round {row.number} of campaign {row.campaign_id} has status {row.standing}.")
    _record_stage(session, at, row, Stage.UNMASK, answered)
    row.standing, row.total, row.changed = "answered", total.astype("<i8").tobytes(), at


def finish(session: Session, at: datetime, round_id: str, result: Mapping[str, Any]) -> None:
    """End a round whose sum was read; store the result and delete requests and submissions."""
    row = _locked(session, round_id)
    if row.standing == "done":
        return
    row.standing, row.result, row.changed = "done", json.dumps(result, allow_nan=False), at
    _forget(session, row)
    audit_log.append(
        session, at, "server", "round.finish", row.campaign_id,
        round=row.number, kind=_kind(session, row), answered=row.masked, seconds=_seconds(row.opened, at),
    )  # fmt: skip


def fail(session: Session, at: datetime, round_id: str, reason: str) -> None:
    """End a round as failed and delete requests and submissions. A charge stays, see `fail_unopened`."""
    row = _locked(session, round_id)
    if row.standing in ENDED:
        return
    stage = row.standing
    row.standing, row.failure, row.changed = "failed", reason[:MAX_FAILURE_LENGTH], at
    _forget(session, row)
    audit_log.append(
        session, at, "server", "round.fail", row.campaign_id,
        round=row.number, kind=_kind(session, row), stage=stage, seconds=_seconds(row.opened, at), reason=row.failure,
    )  # fmt: skip


def fail_unopened(session: Session, at: datetime, round_id: str, reason: str, excluded: Collection[str] = ()) -> None:
    """End a round whose sum was never opened: its charge is returned.

    `excluded` are the key hashes of the devices that caused it; the campaign goes on without them.
    """
    row = _locked(session, round_id)
    if row.standing in ENDED:
        return
    exclusions.exclude(session, at, row.campaign_id, row.number, excluded)
    budget.give_back(session, at, row.campaign_id, row.number)
    fail(session, at, round_id, reason)


def total_of(open_round: OpenRound) -> npt.NDArray[np.int64]:
    """Return the sum of an answered round [int64]."""
    return np.frombuffer(open_round.total or b"", "<i8").astype(np.int64)


_COUNT_COLUMNS: Final[Mapping[Stage, str]] = {
    Stage.KEYS: "keys",
    Stage.SHARE: "shares",
    Stage.MASKED: "masked",
    Stage.UNMASK: "unmasked",
}


def _record_stage(session: Session, at: datetime, row: RoundRow, stage: Stage, answered: int) -> None:
    """Record the number of devices that completed the current stage, and how long it took."""
    asked = row.wanted if stage is Stage.KEYS else getattr(row, _COUNT_COLUMNS[Stage(stage - 1)])
    setattr(row, _COUNT_COLUMNS[stage], answered)
    audit_log.append(
        session, at, "server", "round.advance", row.campaign_id,
        round=row.number, kind=_kind(session, row), stage=STATUS_OF_STAGE[stage], asked=asked, answered=answered,
        minimum=AggregationParameters.from_bytes(row.parameters).minimum_devices, seconds=_seconds(row.changed, at),
    )  # fmt: skip


def _kind(session: Session, row: RoundRow) -> str:
    """Return what the round is for: the evaluation of a release, or its campaign's kind."""
    if row.topic.startswith(COMPARISON_TOPIC):
        return "comparison"
    if row.topic.startswith(GUARD_TOPIC):
        return "guard"
    return session.get_one(CampaignRow, row.campaign_id).kind


def _seconds(since: datetime, at: datetime) -> float:
    return round((at - since).total_seconds(), 3)


def _is_own_round() -> ColumnElement[bool]:
    return and_(*(~RoundRow.topic.startswith(prefix, autoescape=True) for prefix in (COMPARISON_TOPIC, GUARD_TOPIC)))


def _locked(session: Session, round_id: str) -> RoundRow:
    row = session.get(RoundRow, round_id, with_for_update=True)
    if row is None:
        raise InputError(f"There is no round {round_id}.")
    return row


def _forget(session: Session, row: RoundRow) -> None:
    row.offer, row.waiting, row.total = b"", b"", None
    for table in (SubmissionRow, StageRequestRow, MemberRow, PartialSumRow, WindowRow):
        session.execute(delete(table).where(table.round_id == row.id))


def _rounds(session: Session, rows: Any) -> list[Round]:
    # Plain rows: objects of the mapper cost four times as much, and a page shows a thousand rounds.
    return [_round(row) for row in session.execute(rows.with_only_columns(*_SUMMARY_COLUMNS))]


def _round(row: RoundRow | Row[Any]) -> Round:
    return Round(
        id=row.id,
        campaign_id=row.campaign_id,
        number=row.number,
        topic=row.topic,
        standing=cast(RoundStatus, row.standing),
        low=row.low,
        high=row.high,
        wanted=row.wanted,
        patience=row.patience,
        opened=row.opened,
        changed=row.changed,
        answered={stage: getattr(row, name) for stage, name in _COUNT_COLUMNS.items()},
        failure=row.failure,
        result=json.loads(row.result),
    )
