"""Campaigns in the database. Every change writes its audit row in the same transaction."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from keyart.errors import SettingError
from keyart_federated.campaigns.campaign import ROUNDS, Action, Campaign, Kind, Standing

from .. import audit_log
from ..access.secrets import make_id
from ..http.pagination import PageRequest, read_page
from ..state.tables import CampaignRow


def create(
    session: Session,
    at: datetime,
    actor: str,
    name: str,
    kind: Kind,
    epsilon: float | None = None,
    delta: float | None = None,
    rounds: int = ROUNDS,
    settings: str = "{}",
) -> Campaign:
    """Create a draft. Raises SettingError for invalid values."""
    if epsilon is not None and not math.isfinite(epsilon):
        raise SettingError(f"epsilon is {epsilon}; it must be finite.")
    campaign = Campaign(make_id(), name, kind, "draft", epsilon, delta, rounds, at, at, settings)
    session.add(CampaignRow(**asdict(campaign)))
    audit_log.append(
        session, at, actor, "campaign.create", campaign.id,
        name=name, kind=kind, epsilon=epsilon, delta=delta, rounds=rounds,
    )  # fmt: skip
    return campaign


def find(session: Session, campaign_id: str) -> Campaign | None:
    """Return the campaign, or None."""
    row = session.get(CampaignRow, campaign_id)
    return None if row is None else _campaign(row)


def list_all(session: Session, state: Standing | None = None) -> list[Campaign]:
    """Return all campaigns, or those in one state, newest first."""
    rows = select(CampaignRow).order_by(CampaignRow.created.desc(), CampaignRow.id)
    if state is not None:
        rows = rows.where(CampaignRow.state == state)
    return [_campaign(row) for row in session.scalars(rows)]


def list_page(
    session: Session, paging: PageRequest, state: Standing | None = None, kind: Kind | None = None
) -> tuple[list[Campaign], str | None]:
    """Return one page of campaigns, of one state or kind if these are given, and the cursor of the next page."""
    rows = select(CampaignRow)
    if state is not None:
        rows = rows.where(CampaignRow.state == state)
    if kind is not None:
        rows = rows.where(CampaignRow.kind == kind)
    page, following = read_page(session, rows, (CampaignRow.created, CampaignRow.id), paging)
    return [_campaign(row) for row in page], following


def names(session: Session, campaign_ids: Collection[str]) -> dict[str, str]:
    """Return the names of these campaigns, by id."""
    rows = select(CampaignRow.id, CampaignRow.name).where(CampaignRow.id.in_(campaign_ids))
    return {row[0]: row[1] for row in session.execute(rows)}


def count_by_state(session: Session) -> dict[str, int]:
    """Count campaigns by state."""
    rows = session.execute(select(CampaignRow.state, func.count()).group_by(CampaignRow.state))
    return {row[0]: row[1] for row in rows}


def move(
    session: Session, at: datetime, actor: str, campaign_id: str, action: Action, reason: str = ""
) -> Campaign | None:
    """Apply an action; return the changed campaign, or None if it does not exist.

    Raises:
        InputError: if the state forbids the action.
    """
    row = session.get(CampaignRow, campaign_id, with_for_update=True)
    if row is None:
        return None
    campaign = _campaign(row).after(action, at)
    row.state, row.changed = campaign.state, campaign.changed
    audit_log.append(session, at, actor, f"campaign.{action}", campaign.id, **({"reason": reason} if reason else {}))
    return campaign


def _campaign(row: CampaignRow) -> Campaign:
    kind, state = cast(Kind, row.kind), cast(Standing, row.state)
    return Campaign(
        row.id, row.name, kind, state, row.epsilon, row.delta, row.rounds, row.created, row.changed, row.settings
    )
