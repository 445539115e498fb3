"""Devices that are excluded from a campaign, since a round of it failed through their shares.

They are known by the hashes of their keys, for as long as the campaign is.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..state.tables import ExcludedDeviceRow
from ..state.upsert import upsert


def exclude(session: Session, at: datetime, campaign_id: str, number: int, key_hashes: Collection[str]) -> None:
    """Exclude devices from a campaign, through its round `number`; those that are excluded stay so."""
    rows = [
        {"campaign_id": campaign_id, "device_key_hash": key_hash, "number": number, "at": at}
        for key_hash in sorted(key_hashes)
    ]
    if rows:
        session.execute(upsert(session, ExcludedDeviceRow).values(rows).on_conflict_do_nothing())


def excluded_before(session: Session, campaign_id: str, at: datetime) -> frozenset[str]:
    """Return the key hashes that were excluded before a moment, such as the beginning of a round."""
    conditions = ExcludedDeviceRow.campaign_id == campaign_id, ExcludedDeviceRow.at <= at
    return frozenset(session.scalars(select(ExcludedDeviceRow.device_key_hash).where(*conditions)))


def excluded_among(session: Session, campaign_id: str, key_hashes: Collection[str]) -> frozenset[str]:
    """Return those of these key hashes that are excluded from the campaign."""
    conditions = ExcludedDeviceRow.campaign_id == campaign_id, ExcludedDeviceRow.device_key_hash.in_(key_hashes)
    return frozenset(session.scalars(select(ExcludedDeviceRow.device_key_hash).where(*conditions)))
