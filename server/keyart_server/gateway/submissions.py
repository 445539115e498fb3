"""Stores the submissions of many devices in one transaction.

A submission counts if this transaction sees its round at that stage, a request to its member, and an open window.
Closing a window waits for the transaction on Postgres (FOR SHARE); SQLite has one writer at a time. Rounds are locked
in the order of their ids, each before its windows, so two gateways never wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from keyart.errors import MessageError
from keyart.secagg import MaskedReply, Stage

from ..rounds import exclusions
from ..rounds.round import STATUS_OF_STAGE
from ..state.tables import MemberRow, PartialSumRow, RoundRow, StageRequestRow, SubmissionRow, WindowRow
from .round_cache import CachedRound
from .tickets import NUMBER_BYTES, Ticket
from .validation import ALREADY_SUBMITTED, STAGE_CLOSED, KeysSubmission, StageSubmission, SubmissionResult

ROUND_FULL: Final = "This round is full; wait for another round."
EXCLUDED: Final = (
    "This device is excluded from this campaign: an earlier round failed through the shares that it dealt or gave. "
    "Wait for a round of another campaign."
)
NOT_OPEN_YET: Final = "This round does not accept keys yet; try again."

Rows = list[dict[str, Any]]


def store_submissions(
    session: Session,
    at: datetime,
    gateway: str,
    submissions: Sequence[KeysSubmission | StageSubmission],
    random: Callable[[int], bytes] = os.urandom,
) -> list[SubmissionResult]:
    """Store submissions; return one result for each.

    Args:
        session: a write transaction.
        at: current time.
        gateway: cohort that new members join while it accepts keys; otherwise they join another one, so that a
            gateway without a relay is useful too.
        submissions: checked submissions.
        random: source of random bytes, `os.urandom`.

    Raises:
        IntegrityError: if another process has stored the same at the same time; nothing is stored, and a retry is
            safe.
    """
    results: dict[int, SubmissionResult] = {}

    def place(i: int) -> tuple[str, Stage]:
        return submissions[i].round.id, submissions[i].stage

    for _, group in groupby(sorted(range(len(submissions)), key=place), place):
        numbers = list(group)
        keys = [submission for i in numbers if isinstance(submission := submissions[i], KeysSubmission)]
        later = [submission for i in numbers if isinstance(submission := submissions[i], StageSubmission)]
        group_results = _store_keys(session, at, gateway, keys, random) if keys else _store_stage(session, at, later)
        results.update(zip(numbers, group_results, strict=True))
    return [results[i] for i in range(len(submissions))]


def _store_keys(
    session: Session,
    at: datetime,
    gateway: str,
    submissions: Sequence[KeysSubmission],
    random: Callable[[int], bytes],
) -> list[SubmissionResult]:
    """Store keys for one round. A device that is already a member gets the same ticket again."""
    cached = submissions[0].round
    is_open, windows = _lock_stage(session, at, cached, Stage.KEYS)
    cohorts = sorted(name for name, takes in windows.items() if is_open and takes)
    key_hashes = {submission.key_hash for submission in submissions}
    members_by_key = _members(session, cached, key_hashes)
    excluded = exclusions.excluded_among(session, cached.campaign_id, key_hashes)
    member_count = select(func.count()).select_from(MemberRow).where(MemberRow.round_id == cached.id)
    free = cached.wanted - session.scalars(member_count).one() if cohorts else 0
    newcomers: Rows = []
    rows: Rows = []
    results = []
    for submission in submissions:
        if submission.key_hash in excluded:
            results.append(SubmissionResult(403, EXCLUDED))
            continue
        if submission.key_hash not in members_by_key:
            if len(newcomers) >= free:
                results.append(
                    SubmissionResult(503, NOT_OPEN_YET)
                    if is_open and not windows
                    else SubmissionResult(410, ROUND_FULL)
                )
                continue
            number = int.from_bytes(random(NUMBER_BYTES), "little")
            cohort = gateway if gateway in cohorts else cohorts[number % len(cohorts)]
            ticket = Ticket(number, cohort, submission.key_hash)
            members_by_key[submission.key_hash] = ticket, submission.digest
            ids = {"round_id": cached.id, "number": number, "gateway": ticket.gateway}
            newcomers.append({**ids, "device_key_hash": submission.key_hash})
            rows.append(_row(submission, ticket, submission.content))
        ticket, digest = members_by_key[submission.key_hash]
        if digest == submission.digest:
            results.append(SubmissionResult(200, ticket.to_text(cached.key, cached.parameters.round_id)))
        else:
            results.append(SubmissionResult(409, ALREADY_SUBMITTED))
    _insert(session, MemberRow, newcomers)
    _insert(session, SubmissionRow, rows)
    return results


def _store_stage(session: Session, at: datetime, submissions: Sequence[StageSubmission]) -> list[SubmissionResult]:
    """Store submissions of one round at one later stage. Masked vectors are added up; only their sums are stored."""
    cached, stage = submissions[0].round, submissions[0].stage
    is_open, windows = _lock_stage(
        session, at, cached, stage, {submission.ticket.gateway for submission in submissions}
    )
    requests = _requests(session, cached, stage, {submission.ticket.number for submission in submissions})
    digests = {member: digest for member, (_, digest) in requests.items() if digest is not None}
    sums: dict[str, npt.NDArray[np.unsignedinteger]] = {}
    rows: Rows = []
    results = []
    for submission in submissions:
        member, cohort = (submission.ticket.number, submission.ticket.key_hash), submission.ticket.gateway
        if member in digests:
            results.append(
                SubmissionResult(204)
                if digests[member] == submission.digest
                else SubmissionResult(409, ALREADY_SUBMITTED)
            )
            continue
        if not is_open or member not in requests or not windows.get(cohort):
            results.append(SubmissionResult(410, STAGE_CLOSED))
            continue
        content = submission.content
        if stage is Stage.MASKED:
            try:
                masked = MaskedReply.from_bytes(content, cached.parameters, requests[member][0])
            except MessageError as error:
                results.append(SubmissionResult(400, str(error)))
                continue
            total = sums.setdefault(cohort, np.zeros(cached.parameters.size, f"<u{cached.parameters.lane_bytes}"))
            total += np.frombuffer(masked.lanes, total.dtype)
            content = masked.pads
        rows.append(_row(submission, submission.ticket, content))
        digests[member] = submission.digest
        results.append(SubmissionResult(204))
    _insert(session, SubmissionRow, rows)
    ids = {"round_id": cached.id}
    partials = [{**ids, "id": os.urandom(16).hex(), "gateway": g, "lanes": sums[g].tobytes()} for g in sums]
    _insert(session, PartialSumRow, partials)
    return results


def _lock_stage(
    session: Session, at: datetime, cached: CachedRound, stage: Stage, gateways: Collection[str] = ()
) -> tuple[bool, dict[str, bool]]:
    """Lock the round and its windows; return whether it is at this stage, and which gateways accept submissions.

    Keys take an exclusive lock of the round, so that its members can be counted. No `gateways` means all.
    """
    standing = session.scalars(
        select(RoundRow.standing).where(RoundRow.id == cached.id).with_for_update(read=stage is not Stage.KEYS)
    ).one_or_none()
    rows = select(WindowRow.gateway, WindowRow.closes, WindowRow.closed).where(
        WindowRow.round_id == cached.id, WindowRow.stage == stage
    )
    if gateways:
        rows = rows.where(WindowRow.gateway.in_(gateways))
    windows = session.execute(rows.order_by(WindowRow.gateway).with_for_update(read=True))
    return standing == STATUS_OF_STAGE[stage], {row.gateway: not row.closed and at < row.closes for row in windows}


def _members(session: Session, cached: CachedRound, key_hashes: Collection[str]) -> dict[str, tuple[Ticket, bytes]]:
    """Return ticket and digest of the keys of existing members, by the hash of their certified key.

    Here and in `_requests` each table is asked for its own rows, by its key. A join leaves the order to the planner,
    which reads every row of the round for each batch while its statistics are older than the round.
    """
    found = session.execute(
        select(MemberRow.device_key_hash, MemberRow.number, MemberRow.gateway).where(
            MemberRow.round_id == cached.id, MemberRow.device_key_hash.in_(key_hashes)
        )
    )
    tickets = [Ticket(row.number, row.gateway, row.device_key_hash) for row in found]
    digests = _digests(session, cached, Stage.KEYS, {ticket.number for ticket in tickets})
    return {ticket.key_hash: (ticket, digests[ticket.number]) for ticket in tickets}


def _requests(
    session: Session, cached: CachedRound, stage: Stage, numbers: Collection[int]
) -> dict[tuple[int, str], tuple[int, bytes | None]]:
    """Return the packets in each member's request and the digest of its submission, by its number and key hash."""
    packets = select(StageRequestRow.number, StageRequestRow.packets).where(
        StageRequestRow.round_id == cached.id, StageRequestRow.stage == stage, StageRequestRow.number.in_(numbers)
    )
    members = select(MemberRow.number, MemberRow.device_key_hash).where(
        MemberRow.round_id == cached.id, MemberRow.number.in_(numbers)
    )
    key_hashes = {row.number: row.device_key_hash for row in session.execute(members)}
    digests = _digests(session, cached, stage, numbers)
    return {
        (row.number, key_hashes[row.number]): (row.packets, digests.get(row.number))
        for row in session.execute(packets)
    }


def _digests(session: Session, cached: CachedRound, stage: Stage, numbers: Collection[int]) -> dict[int, bytes]:
    """Return the digests of the submissions of members at a stage, by the member's number."""
    if not numbers:
        return {}
    found = select(SubmissionRow.number, SubmissionRow.digest).where(
        SubmissionRow.round_id == cached.id, SubmissionRow.stage == stage, SubmissionRow.number.in_(numbers)
    )
    return {row.number: row.digest for row in session.execute(found)}


def _row(submission: KeysSubmission | StageSubmission, ticket: Ticket, content: bytes) -> dict[str, Any]:
    return {
        "round_id": submission.round.id,
        "stage": int(submission.stage),
        "number": ticket.number,
        "gateway": ticket.gateway,
        "digest": submission.digest,
        "body": content,
    }


def _insert(session: Session, table: Any, rows: Rows) -> None:
    """Insert plain rows; ORM objects would cost more than everything else."""
    if rows:
        session.execute(insert(table.__table__), rows)
