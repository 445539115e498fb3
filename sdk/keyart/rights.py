"""Rights: everything held about a person, as one JSON document (`keyart-export/1`, docs/rights.md)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from .consent import Consent
from .profile import Profile
from .store.database import Store, Table

FORMAT = "keyart-export/1"


def exported(name: str, at: datetime, consent: Consent, profile: Profile, store: Store) -> dict[str, Any]:
    """consent, views, decisions, outcomes, what the head has learned, and what left the device."""
    entries = list(profile.entries())
    return {
        "format": FORMAT,
        "profile": name,
        "exported_at": at.isoformat(),
        "consent": [
            {"purpose": receipt.purpose, "granted": receipt.granted, "at": receipt.at.isoformat()}
            for receipt in consent.receipts()
        ],
        "views": [
            {"title_id": v.title_id, "at": v.at.isoformat(), "seconds": v.seconds, "device": v.device}
            for v in profile.views
        ],
        "decisions": [
            {
                "id": entry.decision.id,
                "title_id": entry.decision.title_id,
                "artwork_id": entry.decision.artwork_id,
                "propensity": entry.decision.propensity,
                "exploring": entry.decision.exploring,
                "sticky": entry.decision.sticky,
                "model_version": entry.decision.model_version,
                "at": entry.at.isoformat(),
                "device": entry.device,
                "daypart": entry.daypart,
                "slot": entry.slot,
                "with_intent": entry.with_intent,
            }
            for entry in entries
        ],
        "outcomes": [
            {"decision_id": entry.decision.id, "kind": entry.outcome.kind, "seconds": entry.outcome.seconds}
            for entry in entries
            if entry.outcome is not None
        ],
        "learned": profile.learned(),
        "sent": [json.loads(payload) for _, payload in store.scan(Table.RECEIPT)],
    }
