"""Begins a round of a campaign, and reads its sum: between a campaign's work, which is pure, and the database."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from keyart.bundle import Manifest
from keyart.campaigns.limits import Limits, ParticipationHistory
from keyart.errors import KeyartError
from keyart.model.features import FeatureSpec
from keyart_federated import campaigns as federated_campaigns

from .. import budget
from ..campaigns import Campaign, campaign_store
from ..gateway.discovery import poll_seconds
from ..releases import release_store
from ..rounds import Round, round_store
from ..service import Service
from ..state.tables import CampaignStateRow

log = logging.getLogger("keyart.server")
MAX_VECTOR_BYTES: Final = 7_500_000  # of a vector, so that with its pads it is within the limits of a gateway's door
FIRST_PAUSE, MAX_PAUSE = timedelta(seconds=5), timedelta(hours=1)  # after a failed round; doubled each time
MAX_CONSECUTIVE_FAILURES: Final = 10  # in a row: then a person has to look


def current_base(service: Service, session: Session) -> federated_campaigns.Base | str:
    """What the fleet runs on, or why nothing can be asked yet."""
    if service.catalog is None:
        return "The server knows no catalogue; start it with --catalog."
    release = release_store.newest_released(session)
    if release is None:
        return "No bundle is published for all devices; start the server with --bundle."
    folder, all_releases = service.bundles.folder(release.version), release_store.list_all(session)
    other_folders = {
        release_.version: service.bundles.folder(release_.version) for release_ in all_releases if release_.share > 0
    }
    withdrawn_versions = (
        release_.version for release_ in all_releases if release_.standing in ("refused", "withdrawn")
    )
    refused_versions = frozenset(version for version in withdrawn_versions if version > release.version)
    return federated_campaigns.Base(
        service.catalog, folder, release.version, _feature_spec(folder), other_folders, refused_versions
    )


@lru_cache(maxsize=4)
def _feature_spec(bundle: Path) -> FeatureSpec:
    """What is published under a number never changes, and the engine looks every second."""
    return FeatureSpec.from_json(Manifest.read(bundle).feature_spec)


def recent_rounds(session: Session, campaign_id: str, topic: str = "") -> list[Round]:
    """The campaign's newest rounds, newest first, as many as tell whether it fails again and again: those of its
    work, or those of this topic, which judge a release."""
    return round_store.list_for_campaign(session, campaign_id, MAX_CONSECUTIVE_FAILURES, topic)


def retry_at(rounds: Sequence[Round]) -> datetime | None:
    """Until when to wait since the newest rounds have failed. rounds: newest first."""
    failed = consecutive_failures(rounds)
    if not failed:
        return None
    return rounds[0].changed + min(FIRST_PAUSE * 2.0 ** (failed - 1), MAX_PAUSE)


def consecutive_failures(rounds: Sequence[Round]) -> int:
    """How many of the newest have failed, one after the other."""
    return next((i for i, round_ in enumerate(rounds) if round_.standing != "failed"), len(rounds))


def next_round_number(session: Session, campaign_id: str) -> int:
    """The first that no round of the campaign has had."""
    newest = round_store.list_for_campaign(session, campaign_id, limit=1)
    return newest[0].number + 1 if newest else 1


def begin_round(
    service: Service,
    session: Session,
    campaign: Campaign,
    number: int,
    request: federated_campaigns.RoundRequest,
    topic: str,
) -> str:
    """Opens the round inside a transaction of `State.writing`; "", or why the budget does not allow it."""
    projected, fleet_budget = (
        budget.projected_epsilon(session, request.event, request.low, request.high),
        budget.fleet_budget(session),
    )
    if projected > fleet_budget.epsilon:
        return (
            f"The next round would bring the fleet to ε = {projected:.3g}. "
            f"The budget is {fleet_budget.epsilon:g}, and {fleet_budget.spent:.3g} is spent."
        )
    message = request.offer.sign(service.keys.offers)
    terms = request.offer.terms(message)
    if terms.vector_bytes > MAX_VECTOR_BYTES:
        return f"A vector has {terms.vector_bytes:,} bytes; a gateway accepts at most {MAX_VECTOR_BYTES:,}."
    if warning := _participation_warning(service, session, request):
        service.blocked[campaign.id] = warning
    else:
        service.blocked.pop(campaign.id, None)
    round_store.start(
        session,
        service.clock(),
        campaign.id,
        number,
        topic,
        message,
        terms,
        request.event,
        request.pending,
        low=request.low,
        high=request.high,
        wanted=request.wanted,
        patience=request.patience,
    )
    return ""


def _participation_warning(service: Service, session: Session, request: federated_campaigns.RoundRequest) -> str:
    """Why few devices may come to the round that begins; "" where nothing speaks for it."""
    at, offer = service.clock(), request.offer
    refusal = Limits().refusal(offer, ParticipationHistory(), offer.model_version, offer.feature_spec, at.timestamp())
    if refusal is not None:
        return f"Devices with the default limits decline this round: {refusal}."
    poll_interval = poll_seconds(session, at)
    if request.patience < poll_interval:
        return (
            f"The stage timeout is {request.patience:g} s, and devices poll every {poll_interval} s: many will miss "
            "the stage."
        )
    return ""


def load_campaign_state(session: Session, campaign_id: str) -> bytes | None:
    """What the campaign has kept."""
    row = session.get(CampaignStateRow, campaign_id)
    return None if row is None else row.data


def save_campaign_state(session: Session, campaign_id: str, number: int, memory: bytes) -> None:
    """For the next round."""
    row = session.get(CampaignStateRow, campaign_id)
    if row is None:
        session.add(CampaignStateRow(campaign_id=campaign_id, number=number, data=memory))
    else:
        row.number, row.data = number, memory


def pause_campaign(service: Service, session: Session, campaign: Campaign, reason: str) -> None:
    """Pauses a campaign that cannot go on without a person."""
    log.warning("a campaign is paused", extra={"campaign": campaign.id, "error": reason})
    campaign_store.move(session, service.clock(), "server", campaign.id, "pause", reason)


def describe_error(error: Exception) -> str:
    """Of a failure, for people; what was not foreseen is in the log."""
    return str(error) if isinstance(error, KeyartError) else f"It could not be read ({type(error).__name__})."
