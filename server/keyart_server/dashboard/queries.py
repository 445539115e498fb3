"""Database queries of the pages: counts and single columns, beyond what the stores list."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..state.tables import RoundRow


class Failure(NamedTuple):
    """A failed round and its reason."""

    campaign_id: str
    number: int
    reason: str


def failures(session: Session, since: datetime) -> list[Failure]:
    """Return the rounds that failed since then, newest first."""
    rows = select(RoundRow.campaign_id, RoundRow.number, RoundRow.failure).where(
        RoundRow.standing == "failed", RoundRow.changed >= since
    )
    return [Failure(*row) for row in session.execute(rows.order_by(RoundRow.changed.desc()))]
