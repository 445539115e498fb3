"""Drafts in the database: change, delete and clone. Every change writes its audit row in the same transaction."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns.campaign import MAX_NAME_LENGTH, Campaign

from .. import audit_log
from ..state.tables import CampaignRow
from . import campaign_store

COPY_PREFIX: Final = "Copy of "
CHANGEABLE: Final = ("name", "epsilon", "delta", "rounds", "settings")


def change(
    session: Session, at: datetime, actor: str, campaign_id: str, changes: Mapping[str, Any]
) -> Campaign | None:
    """Change a draft; return it, or None if there is no such campaign.

    Args:
        session: a writing transaction.
        at: current time.
        actor: name for the audit log.
        campaign_id: id of the campaign.
        changes: new values by name: name, epsilon, delta, rounds, and settings as checked JSON.

    Raises:
        InputError: if the campaign is no draft.
        SettingError: for invalid values.
    """
    row = _draft(session, campaign_id, "changed")
    if row is None:
        return None
    epsilon = changes.get("epsilon")
    if epsilon is not None and not math.isfinite(epsilon):
        raise SettingError(f"epsilon is {epsilon}; it must be finite.")
    before = campaign_store.find(session, campaign_id)
    assert before is not None  # noqa: S101  # its row is locked
    after = replace(before, **{name: changes[name] for name in CHANGEABLE if name in changes}, changed=at)
    differences = _differences(before, after)
    if differences:
        row.name, row.epsilon, row.delta, row.rounds = after.name, after.epsilon, after.delta, after.rounds
        row.settings, row.changed = after.settings, at
        audit_log.append(session, at, actor, "campaign.change", campaign_id, changes=differences)
    return after if differences else before


def delete(session: Session, at: datetime, actor: str, campaign_id: str) -> str | None:
    """Delete a draft; return its name, or None if there is no such campaign. Raises InputError if it is no draft."""
    row = _draft(session, campaign_id, "deleted")
    if row is None:
        return None
    name = row.name
    session.delete(row)
    audit_log.append(session, at, actor, "campaign.delete", campaign_id, name=name, kind=row.kind)
    return name


def clone(session: Session, at: datetime, actor: str, campaign_id: str, name: str = "") -> Campaign | None:
    """Create a draft with the settings of a campaign, whatever its state; None if there is no such campaign.

    Args:
        session: a writing transaction.
        at: current time.
        actor: name for the audit log.
        campaign_id: id of the campaign.
        name: name of the draft; by default "Copy of" and the name of the campaign.

    Raises:
        SettingError: for an invalid name.
    """
    original = campaign_store.find(session, campaign_id)
    if original is None:
        return None
    settings = json.loads(original.settings)
    settings.pop("start", None)  # an experiment starts when it is created, unless its settings say otherwise
    return campaign_store.create(
        session, at, actor, name or f"{COPY_PREFIX}{original.name}"[:MAX_NAME_LENGTH].rstrip(), original.kind,
        original.epsilon, original.delta, original.rounds,
        json.dumps(settings, ensure_ascii=False, separators=(",", ":")),
    )  # fmt: skip


def _draft(session: Session, campaign_id: str, verb: str) -> CampaignRow | None:
    row = session.get(CampaignRow, campaign_id, with_for_update=True)
    if row is not None and row.state != "draft":
        raise InputError(
            f"Only a draft can be {verb}, and {row.name} is {row.state}. Clone it to get a draft with its settings."
        )
    return row


def _differences(before: Campaign, after: Campaign) -> dict[str, list[Any]]:
    """Return old and new value of everything that differs, by name; settings by their own names."""
    old, new = json.loads(before.settings), json.loads(after.settings)
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in CHANGEABLE if name != "settings"}
    pairs |= {f"settings.{name}": (old.get(name), new.get(name)) for name in {**old, **new}}
    return {name: [was, now] for name, (was, now) in pairs.items() if was != now}
