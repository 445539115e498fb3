"""Data export: everything held about a person, as one JSON document (`keyart-export/1`, docs/reference/rights.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..store.database import Store
from .consent import Consent
from .preferences import Preferences
from .profile import Profile

FORMAT = "keyart-export/1"


def export_profile(
    name: str,
    at: datetime,
    consent: Consent,
    profile: Profile,
    store: Store,
    *,
    contributions: Sequence[Mapping[str, Any]],
    rounds: Sequence[Mapping[str, Any]],
    device_key: bytes | None,
) -> dict[str, Any]:
    """Return consent, views, decisions, outcomes, preferences, the learned head, and federated participation.

    Args:
        name: Name of the profile.
        at: Time of the export.
        consent: Consents of the profile.
        profile: The profile as it is stored.
        store: Its store.
        contributions: One mapping for each vector that left the device, oldest first.
        rounds: One mapping for each round in progress.
        device_key: The device's public key, or None if none was drawn.
    """
    entries = list(profile.journal.entries())
    return {
        "format": FORMAT,
        "profile": name,
        "exported_at": at.isoformat(),
        "consent": [
            {
                "purpose": receipt.purpose,
                "granted": receipt.granted,
                "at": receipt.at.isoformat(),
                "expires": receipt.expires.isoformat() if receipt.expires else None,
                "text_sha256": receipt.text_sha256,
            }
            for receipt in consent.receipts()
        ],
        "views": [
            {"title_id": v.title_id, "at": v.at.isoformat(), "seconds": v.seconds, "device": v.device}
            for v in profile.journal.views()
        ],
        "decisions": [
            {
                "id": entry.decision.id,
                "title_id": entry.decision.title_id,
                "artwork_id": entry.artwork_id,
                "propensity": entry.decision.propensity,
                "exploring": entry.decision.exploring,
                "sticky": entry.decision.sticky,
                "model_version": entry.decision.model_version,
                "at": entry.at.isoformat(),
                "device": entry.device,
                "daypart": entry.daypart,
                "slot": entry.slot,
                "with_intent": entry.with_intent,
                "seen": entry.seen,
            }
            for entry in entries
        ],
        "outcomes": [
            {"decision_id": entry.decision.id, "kind": entry.outcome.kind, "seconds": entry.outcome.seconds}
            for entry in entries
            if entry.outcome is not None
        ],
        "preferences": Preferences(store).as_dict(),
        "learned": profile.learned(),
        "sent": list(contributions),
        "campaigns": list(rounds),
        "device_key": device_key.hex() if device_key is not None else "",
    }
