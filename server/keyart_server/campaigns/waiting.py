"""Why a campaign begins no round now: what the engine waits for, or why the server paused it.

The engine stores what it waits for (`store_reasons`), so that every process can show it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..state import ServerState
from ..state.tables import AuditRow, CampaignRow
from . import Campaign

MAX_REASON_LENGTH: Final = 400  # characters


def waiting_reasons(session: Session, campaigns: Iterable[Campaign]) -> dict[str, str]:
    """Return by id, of the campaigns that are running or paused by the server, why they begin no round now."""
    campaigns = list(campaigns)
    running = [campaign.id for campaign in campaigns if campaign.state == "running"]
    stored = select(CampaignRow.id, CampaignRow.waiting).where(CampaignRow.id.in_(running), CampaignRow.waiting != "")
    reasons = {row[0]: row[1] for row in session.execute(stored)} if running else {}
    return reasons | _pause_reasons(session, campaigns)


def store_reasons(state: ServerState, reasons: Mapping[str, str]) -> None:
    """Store what the engine waits for, by campaign, and forget other reasons; write only what changed."""
    with state.reading() as session:
        rows = select(CampaignRow.id, CampaignRow.waiting).where(CampaignRow.waiting != "")
        stored = {row[0]: row[1] for row in session.execute(rows)}
    wanted = {key: reason[:MAX_REASON_LENGTH] for key, reason in reasons.items()}
    changed = {key: wanted.get(key, "") for key in {*stored, *wanted} if wanted.get(key) != stored.get(key)}
    if not changed:
        return
    with state.writing() as session:
        for key, reason in sorted(changed.items()):
            session.execute(update(CampaignRow).where(CampaignRow.id == key).values(waiting=reason))


def _pause_reasons(session: Session, campaigns: Iterable[Campaign]) -> dict[str, str]:
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
    reasons = {
        subject: str(json.loads(details).get("reason", ""))
        for subject, (actor, details) in newest.items()
        if actor == "server"
    }
    return {subject: reason for subject, reason in reasons.items() if reason}
