"""A question: one round's offer, how long it may take, and when the next may begin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from keyart.campaigns.offer import MAX_EPSILON, Offer
from keyart.dp.clip import UNITS
from keyart.errors import KeyartError, RoundFailed
from keyart.secagg.parameters import WIDTHS, width
from keyart_federated.accounting import Skellam

from . import state_codec as memory
from .campaign import Campaign
from .noise import DELTA, EPSILON
from .protocol import Asked, Base, Read, Wait
from .settings import Settings

HOUR: Final = 3600
STAGES: Final = 5  # patience of so many: the four of a round, and what lies between them
SPARE_SECONDS: Final = 600  # for a server that starts again
CROWD: Final = 2  # gateways that let devices in at the same moment may take more than are wanted, never so many


def asked(
    campaign: Campaign,
    settings: Settings,
    base: Base,
    at: datetime,
    event: Skellam,
    *,
    kind: str,
    number: int,
    planned: int,
    wanted: int,
    waiting: Mapping[str, Any] | None = None,
    low: float | None = None,
    high: float | None = None,
    **about: Any,
) -> Asked:
    """One round. planned: rounds in all. waiting: beside the moment. low, high: other draws than the settings'.
    about: fields of the offer that differ from those of a plain one. Raises SettingError."""
    now = int(at.timestamp())
    offer = Offer(
        **{
            "kind": kind,
            "topic": "",
            "campaign": f"{campaign.name} ({campaign.id})",
            "purpose": settings.purpose,
            "round": number,
            "rounds": max(number, planned),
            "model_version": base.version,
            "feature_spec": base.spec.sha256,
            "size": event.dimension,
            "clip": 1.0,
            "units": UNITS,
            "noise_multiplier": event.noise_multiplier,
            "minimum_devices": settings.minimum_devices,
            "threshold_permille": settings.threshold_permille,
            "bits": WIDTHS[-1],
            "epsilon": min(campaign.epsilon or EPSILON, MAX_EPSILON),
            "delta": campaign.delta or DELTA,
            "not_after": now + math.ceil(STAGES * settings.patience) + SPARE_SECONDS,
            **about,
        }
    )
    offer = replace(offer, bits=width(CROWD * wanted, offer.terms(b"").bound))
    return Asked(
        offer,
        event,
        memory.pack({"at": now, **(waiting or {})}),
        settings.low if low is None else low,
        settings.high if high is None else high,
        wanted,
        settings.patience,
    )


def early(known: Mapping[str, Any], settings: Settings, at: datetime) -> Wait | None:
    """Whether the last round that was read began too short a while ago. known: of the memory."""
    return until(known["at"] + settings.hours * HOUR, at, "The next round") if "at" in known else None


def until(moment: float, at: datetime, what: str) -> Wait | None:
    """None once the moment (Unix seconds) is there."""
    if at.timestamp() >= moment:
        return None
    return Wait(f"{what} begins on {datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC.")


def fits(offer: Offer, size: int) -> None:
    """Raises RoundFailed for a sum of vectors of another size."""
    if offer.size != size:
        raise RoundFailed("The catalogue has changed since the round began. Its sum is not used; the next one fits.")


def unread(known: Mapping[str, Any], data: bytes, reason: KeyartError) -> Read:
    """A sum that is not used: only the count of rounds goes on."""
    return Read(memory.pack(known, data), {"used": False, "reason": str(reason)})
