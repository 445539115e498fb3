"""A round's offer: how long it may take, when the next may begin, and which sums it accepts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from keyart.campaigns import MAX_EPSILON, Offer, VectorLayout
from keyart.errors import KeyartError, RoundFailed
from keyart.secagg import MODULUS_BITS, modulus_bits
from keyart_federated.accounting import Skellam

from . import state_codec
from .bundle_model import catalog_digest
from .campaign import Campaign
from .noise import DELTA, EPSILON, units_of
from .private_sum import PrivateSum
from .protocol import DeployedModel, RoundRequest, RoundResult, Wait
from .settings import CampaignSettings

HOUR: Final = 3600
STAGES: Final = 5  # timeouts of so many: the four of a round, and what lies between them
SPARE_SECONDS: Final = 600  # for a server that starts again
CROWD: Final = 2  # gateways that let devices in at the same moment may take more than are wanted, never so many


def request_round(
    campaign: Campaign,
    settings: CampaignSettings,
    base: DeployedModel,
    at: datetime,
    event: Skellam,
    *,
    kind: str,
    number: int,
    planned: int,
    wanted: int,
    pending: Mapping[str, Any] | None = None,
    low: float | None = None,
    high: float | None = None,
    **about: Any,
) -> RoundRequest:
    """Return the request for one round.

    Args:
        campaign: The campaign that asks.
        settings: Its settings.
        base: What the fleet runs on.
        at: The time now.
        event: Privacy cost of the round.
        kind: Kind of the offer.
        number: Number of the round.
        planned: Number of rounds in all.
        wanted: Target cohort, in devices.
        pending: Values that `read` needs again.
        low: Sampling bucket from which devices are asked. None for that of the settings.
        high: Sampling bucket below which devices are asked. None for that of the settings.
        about: Fields of the offer that differ from those of a plain one.

    Raises:
        SettingError: No offer follows from these values.
    """
    now = int(at.timestamp())
    offer = Offer(
        **{
            "kind": kind,
            "topic": "",
            "campaign": offered_name(campaign),
            "purpose": settings.purpose,
            "round": number,
            "rounds": max(number, planned),
            "model_version": base.version,
            "feature_spec": base.spec.sha256,
            "size": event.dimension,
            "clip": 1.0,
            "units": units_of(event),
            "noise_multiplier": event.noise_multiplier,
            "minimum_devices": settings.minimum_devices,
            "honest_fraction": settings.honest_fraction,
            "threshold_permille": settings.threshold_permille,
            "bits": MODULUS_BITS[-1],
            "epsilon": min(campaign.epsilon or EPSILON, MAX_EPSILON),
            "delta": campaign.delta or DELTA,
            "not_after": now + math.ceil(STAGES * settings.patience) + SPARE_SECONDS,
            **about,
        }
    )
    offer = replace(offer, bits=modulus_bits(CROWD * wanted, offer.terms(b"").bound))
    kept = {"at": now, "catalog": catalog_digest(base.catalog), **(pending or {})}
    return RoundRequest(
        offer,
        event,
        state_codec.pack(kept),
        settings.low if low is None else low,
        settings.high if high is None else high,
        wanted,
        settings.patience,
    )


def offered_name(campaign: Campaign) -> str:
    """Return a campaign's name in its offers."""
    return f"{campaign.name} ({campaign.id})"


def require_own(campaign: Campaign, summed: PrivateSum, *expected: tuple[str, str]) -> None:
    """Check that a sum answers an offer of this campaign.

    Args:
        campaign: The campaign that reads the sum.
        summed: The sum.
        expected: Kinds and topics of the offers that the campaign makes.

    Raises:
        RoundFailed: The offer is of another campaign, or of a kind and topic that the campaign does not ask.
    """
    offer = summed.offer
    if offer.campaign != offered_name(campaign) or (offer.kind, offer.topic) not in expected:
        raise RoundFailed(
            f"The sum answers an offer of {offer.campaign!r} ({offer.kind}, topic {offer.topic!r}), and is read by "
            f"{offered_name(campaign)!r}. Read each sum with the campaign that asked for it."
        )


def require_usable(
    summed: PrivateSum, base: DeployedModel, layout: VectorLayout, *, by_title: bool, by_spec: bool = True
) -> None:
    """Check that a sum still belongs to what the fleet runs on, and that enough devices stand behind it.

    Args:
        summed: The sum.
        base: What the fleet runs on now.
        layout: Layout of the vectors.
        by_title: Whether entries belong to titles or artworks of the catalogue.
        by_spec: Whether entries belong to places of the feature spec.

    Raises:
        RoundFailed: One of these does not hold.
    """
    offer = summed.offer
    if summed.survivors < offer.minimum_devices:
        raise RoundFailed(
            f"The sum is of {summed.survivors} devices, and its noise counts on {offer.minimum_devices}. It is not "
            "used; ask more devices."
        )
    changed = by_title and summed.about.get("catalog", "") not in ("", catalog_digest(base.catalog))
    if changed or offer.size != layout.size:
        raise RoundFailed("The catalogue has changed since the round began. Its sum is not used; the next one fits.")
    if by_spec and offer.feature_spec != base.spec.sha256:
        raise RoundFailed(
            "The fleet's model has had another feature spec since the round began. Its sum is not used."
        )


def early(known: Mapping[str, Any], settings: CampaignSettings, at: datetime) -> Wait | None:
    """Return a wait if the last round that was read began too short a while ago. `known` are values of the state."""
    began = known.get("began", known.get("at"))  # of the first sub-cohort, where there are several
    return None if began is None else until(began + settings.hours * HOUR, at, "The next round")


def until(moment: float, at: datetime, what: str) -> Wait | None:
    """Return a wait until the moment, in Unix seconds, or None once it has come."""
    if at.timestamp() >= moment:
        return None
    return Wait(f"{what} begins on {datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC.")


def unread(known: Mapping[str, Any], data: bytes, reason: KeyartError) -> RoundResult:
    """Return the result of a sum that is not used: only the count of rounds goes on."""
    return RoundResult(state_codec.pack(known, data), {"used": False, "reason": str(reason)})
