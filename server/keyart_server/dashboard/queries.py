"""Database queries of the pages: counts and single columns, beyond what the stores list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from keyart.secagg import Stage

from ..campaigns import Campaign
from ..rounds import Round
from ..state.tables import AuditRow, RoundRow, SubmissionRow


class Failure(NamedTuple):
    """A failed round and its reason."""

    campaign_id: str
    number: int
    reason: str


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


def failures(session: Session, since: datetime) -> list[Failure]:
    """Return the rounds that failed since then, newest first."""
    rows = select(RoundRow.campaign_id, RoundRow.number, RoundRow.failure).where(
        RoundRow.standing == "failed", RoundRow.changed >= since
    )
    return [Failure(*row) for row in session.execute(rows.order_by(RoundRow.changed.desc()))]


def pause_reasons(session: Session, campaigns: Iterable[Campaign]) -> dict[str, str]:
    """Return, by id, why the server itself paused campaigns. A person's pause has no reason."""
    paused = [campaign.id for campaign in campaigns if campaign.state == "paused"]
    if not paused:
        return {}
    rows = select(AuditRow.subject, AuditRow.actor, AuditRow.details).where(
        AuditRow.action == "campaign.pause", AuditRow.subject.in_(paused)
    )
    newest = {
        subject: (actor, details) for subject, actor, details in session.execute(rows.order_by(AuditRow.number))
    }
    return {
        subject: json.loads(details).get("reason", "")
        for subject, (actor, details) in newest.items()
        if actor == "server"
    }


def finished_sums(session: Session, since: datetime) -> list[tuple[int, str]]:
    """Return number of devices and JSON result of every sum read since then."""
    rows = select(RoundRow.masked, RoundRow.result).where(RoundRow.standing == "done", RoundRow.changed >= since)
    return [(row[0], row[1]) for row in session.execute(rows)]
