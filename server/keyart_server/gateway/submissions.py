"""Writes the answers of many devices down in one transaction: all of them, or none.

An answer counts if this transaction sees its round at that stage, its member asked and its window open; closing the
window waits for it on Postgres (FOR SHARE), and SQLite has one writer at a time. Rounds are locked in the order of
their ids, each before its windows, so that two gateways never wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import and_, func, insert, select
from sqlalchemy.orm import Session

from keyart.errors import MessageError
from keyart.secagg import Stage
from keyart.secagg.messages import MaskedReply

from ..rounds.round import OF_STAGE
from ..state.tables import AnswerRow, AskRow, MemberRow, PartialRow, RoundRow, WindowRow
from .round_cache import Known
from .tickets import NUMBER_BYTES, Ticket
from .validation import OTHER, OVER, Keys, Later, Verdict

FULL: Final = "This round takes no more devices; wait for another one."
EARLY: Final = "This round does not take keys yet; try again."

Rows = list[dict[str, Any]]


def write(
    session: Session,
    at: datetime,
    gateway: str,
    answers: Sequence[Keys | Later],
    random: Callable[[int], bytes] = os.urandom,
) -> list[Verdict]:
    """What becomes of each. gateway: in whose cohort newcomers are while it takes keys; else they are in another one,
    so that a door without a relay serves as well. random: `os.urandom`.

    Raises IntegrityError where another process has written the same at the same time: nothing is written, and it can
    be done again.
    """
    verdicts: dict[int, Verdict] = {}

    def place(i: int) -> tuple[str, Stage]:
        return answers[i].round.id, answers[i].stage

    for _, group in groupby(sorted(range(len(answers)), key=place), place):
        numbers = list(group)
        first = [answer for i in numbers if isinstance(answer := answers[i], Keys)]
        others = [answer for i in numbers if isinstance(answer := answers[i], Later)]
        told = _join(session, at, gateway, first, random) if first else _go_on(session, at, others)
        verdicts.update(zip(numbers, told, strict=True))
    return [verdicts[i] for i in range(len(answers))]


def _join(
    session: Session, at: datetime, gateway: str, answers: Sequence[Keys], random: Callable[[int], bytes]
) -> list[Verdict]:
    """Keys of one round. A device that is a member gets the ticket that it has had."""
    known = answers[0].round
    stands, windows = _locked(session, at, known, Stage.KEYS)
    cohorts = sorted(name for name, takes in windows.items() if stands and takes)
    there = _members(session, known, {answer.key_hash for answer in answers})
    members = select(func.count()).select_from(MemberRow).where(MemberRow.round_id == known.id)
    free = known.wanted - session.scalars(members).one() if cohorts else 0
    newcomers: Rows = []
    rows: Rows = []
    verdicts = []
    for answer in answers:
        if answer.key_hash not in there:
            if len(newcomers) >= free:
                verdicts.append(Verdict(503, EARLY) if stands and not windows else Verdict(410, FULL))
                continue
            number = int.from_bytes(random(NUMBER_BYTES), "little")
            ticket = Ticket(number, gateway if gateway in cohorts else cohorts[number % len(cohorts)])
            there[answer.key_hash] = ticket, answer.digest
            of = {"round_id": known.id, "number": number, "gateway": ticket.gateway}
            newcomers.append({**of, "device_key_hash": answer.key_hash})
            rows.append(_row(answer, ticket, answer.content))
        ticket, digest = there[answer.key_hash]
        if digest == answer.digest:
            verdicts.append(Verdict(200, ticket.to_text(known.key, known.terms.round_id)))
        else:
            verdicts.append(Verdict(409, OTHER))
    _insert(session, MemberRow, newcomers)
    _insert(session, AnswerRow, rows)
    return verdicts


def _go_on(session: Session, at: datetime, answers: Sequence[Later]) -> list[Verdict]:
    """Answers of one round at one later stage. Masked vectors are added up, and only their sums are written."""
    known, stage = answers[0].round, answers[0].stage
    stands, windows = _locked(session, at, known, stage, {answer.ticket.gateway for answer in answers})
    asked = _asked(session, known, stage, {answer.ticket.number for answer in answers})
    given = {number: digest for number, (_, digest) in asked.items() if digest is not None}
    sums: dict[str, npt.NDArray[np.unsignedinteger]] = {}
    rows: Rows = []
    verdicts = []
    for answer in answers:
        number, cohort = answer.ticket.number, answer.ticket.gateway
        if number in given:
            verdicts.append(Verdict(204) if given[number] == answer.digest else Verdict(409, OTHER))
            continue
        if not stands or number not in asked or not windows.get(cohort):
            verdicts.append(Verdict(410, OVER))
            continue
        content = answer.content
        if stage is Stage.MASKED:
            try:
                masked = MaskedReply.from_bytes(content, known.terms, asked[number][0])
            except MessageError as error:
                verdicts.append(Verdict(400, str(error)))
                continue
            total = sums.setdefault(cohort, np.zeros(known.terms.size, f"<u{known.terms.lane_bytes}"))
            total += np.frombuffer(masked.lanes, total.dtype)
            content = masked.pads
        rows.append(_row(answer, answer.ticket, content))
        given[number] = answer.digest
        verdicts.append(Verdict(204))
    _insert(session, AnswerRow, rows)
    of = {"round_id": known.id}
    partials = [{**of, "id": os.urandom(16).hex(), "gateway": g, "lanes": sums[g].tobytes()} for g in sums]
    _insert(session, PartialRow, partials)
    return verdicts


def _locked(
    session: Session, at: datetime, known: Known, stage: Stage, gateways: Collection[str] = ()
) -> tuple[bool, dict[str, bool]]:
    """Whether the round stands at this stage, and by gateway whether its window takes answers; so it stays until the
    transaction ends. Keys lock the round against other keys, too, so that its members can be counted. gateways: of
    interest; none: all."""
    standing = session.scalars(
        select(RoundRow.standing).where(RoundRow.id == known.id).with_for_update(read=stage is not Stage.KEYS)
    ).one_or_none()
    rows = select(WindowRow.gateway, WindowRow.closes, WindowRow.closed).where(
        WindowRow.round_id == known.id, WindowRow.stage == stage
    )
    if gateways:
        rows = rows.where(WindowRow.gateway.in_(gateways))
    windows = session.execute(rows.order_by(WindowRow.gateway).with_for_update(read=True))
    return standing == OF_STAGE[stage], {row.gateway: not row.closed and at < row.closes for row in windows}


def _members(session: Session, known: Known, key_hashes: Collection[str]) -> dict[str, tuple[Ticket, bytes]]:
    """Ticket and digest of the keys of those that are in the round already, by the hash of their certified key."""
    keys = and_(
        AnswerRow.round_id == MemberRow.round_id, AnswerRow.stage == Stage.KEYS, AnswerRow.number == MemberRow.number
    )
    rows = (
        select(MemberRow.device_key_hash, MemberRow.number, MemberRow.gateway, AnswerRow.digest)
        .join(AnswerRow, keys)
        .where(MemberRow.round_id == known.id, MemberRow.device_key_hash.in_(key_hashes))
    )
    return {row.device_key_hash: (Ticket(row.number, row.gateway), row.digest) for row in session.execute(rows)}


def _asked(
    session: Session, known: Known, stage: Stage, numbers: Collection[int]
) -> dict[int, tuple[int, bytes | None]]:
    """How many packets a member's question holds and the digest of its answer (None: has not answered), by number."""
    same = and_(
        AnswerRow.round_id == AskRow.round_id, AnswerRow.stage == AskRow.stage, AnswerRow.number == AskRow.number
    )
    rows = (
        select(AskRow.number, AskRow.packets, AnswerRow.digest)
        .outerjoin(AnswerRow, same)
        .where(AskRow.round_id == known.id, AskRow.stage == stage, AskRow.number.in_(numbers))
    )
    return {row.number: (row.packets, row.digest) for row in session.execute(rows)}


def _row(answer: Keys | Later, ticket: Ticket, content: bytes) -> dict[str, Any]:
    return {
        "round_id": answer.round.id,
        "stage": int(answer.stage),
        "number": ticket.number,
        "gateway": ticket.gateway,
        "digest": answer.digest,
        "body": content,
    }


def _insert(session: Session, table: Any, rows: Rows) -> None:
    """Plain rows: an object for each would cost more than all the rest."""
    if rows:
        session.execute(insert(table.__table__), rows)
