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
from keyart_federated import campaigns as kinds

from .. import budget
from ..campaigns import Campaign
from ..campaigns import records as campaigns
from ..gateway.current import again
from ..releases import records as releases
from ..rounds import Round, records
from ..service import Service
from ..state.tables import MemoryRow

log = logging.getLogger("keyart.server")
MOST_BYTES: Final = 7_500_000  # of a vector, so that with its pads it is within the limits of a gateway's door
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)  # after a failed round; doubled each time
MOST_FAILURES: Final = 10  # in a row: then a person has to look


def base_of(service: Service, session: Session) -> kinds.Base | str:
    """What the fleet runs on, or why nothing can be asked yet."""
    if service.catalog is None:
        return "The server knows no catalogue; start it with --catalog."
    release = releases.released(session)
    if release is None:
        return "No bundle is published for all devices; start the server with --bundle."
    folder, every = service.shelf.folder(release.version), releases.every(session)
    others = {one.version: service.shelf.folder(one.version) for one in every if one.share > 0}
    gone = (one.version for one in every if one.standing in ("refused", "withdrawn"))
    refused = frozenset(version for version in gone if version > release.version)
    return kinds.Base(service.catalog, folder, release.version, _spec_of(folder), others, refused)


@lru_cache(maxsize=4)
def _spec_of(bundle: Path) -> FeatureSpec:
    """What is published under a number never changes, and the engine looks every second."""
    return FeatureSpec.from_json(Manifest.read(bundle).feature_spec)


def history(session: Session, campaign_id: str, judging: str = "") -> list[Round]:
    """The campaign's newest rounds, newest first, as many as tell whether it fails again and again: those of its
    work, or those of this topic, which judge a release."""
    return records.of_campaign(session, campaign_id, MOST_FAILURES, judging)


def pause_after(rounds: Sequence[Round]) -> datetime | None:
    """Until when to wait since the newest rounds have failed. rounds: newest first."""
    failed = failures(rounds)
    if not failed:
        return None
    return rounds[0].changed + min(FIRST_PAUSE * 2.0 ** (failed - 1), LONGEST_PAUSE)


def failures(rounds: Sequence[Round]) -> int:
    """How many of the newest have failed, one after the other."""
    return next((i for i, one in enumerate(rounds) if one.standing != "failed"), len(rounds))


def next_number(session: Session, campaign_id: str) -> int:
    """The first that no round of the campaign has had."""
    newest = records.of_campaign(session, campaign_id, limit=1)
    return newest[0].number + 1 if newest else 1


def begin(
    service: Service, session: Session, campaign: Campaign, number: int, asked: kinds.RoundRequest, topic: str
) -> str:
    """Opens the round inside a transaction of `State.writing`; "", or why the budget does not allow it."""
    spent, whole = budget.would_be(session, asked.event, asked.low, asked.high), budget.of_fleet(session)
    if spent > whole.epsilon:
        return (
            f"Its next round would bring the fleet to ε = {spent:.3g}, and the budget is {whole.epsilon:g}; "
            f"{whole.spent:.3g} is spent."
        )
    message = asked.offer.sign(service.keys.offers)
    terms = asked.offer.terms(message)
    if terms.vector_bytes > MOST_BYTES:
        return f"A vector of {terms.vector_bytes:,} bytes is longer than any that a gateway takes ({MOST_BYTES:,})."
    if doubt := _doubt(service, session, asked):
        service.waiting[campaign.id] = doubt
    else:
        service.waiting.pop(campaign.id, None)
    records.start(
        session,
        service.clock(),
        campaign.id,
        number,
        topic,
        message,
        terms,
        asked.event,
        asked.pending,
        low=asked.low,
        high=asked.high,
        wanted=asked.wanted,
        patience=asked.patience,
    )
    return ""


def _doubt(service: Service, session: Session, asked: kinds.RoundRequest) -> str:
    """Why few devices may come to the round that begins; "" where nothing speaks for it."""
    at, offer = service.clock(), asked.offer
    usual = Limits().refusal(offer, ParticipationHistory(), offer.model_version, offer.feature_spec, at.timestamp())
    if usual is not None:
        return f"Devices whose app sets no other limits decline this round: {usual}."
    seldom = again(session, at)
    if asked.patience < seldom:
        return f"A stage takes {asked.patience:g} s at most, and devices come every {seldom} s: many will miss it."
    return ""


def memory_of(session: Session, campaign_id: str) -> bytes | None:
    """What the campaign has kept."""
    row = session.get(MemoryRow, campaign_id)
    return None if row is None else row.data


def keep(session: Session, campaign_id: str, number: int, memory: bytes) -> None:
    """For the next round."""
    row = session.get(MemoryRow, campaign_id)
    if row is None:
        session.add(MemoryRow(campaign_id=campaign_id, number=number, data=memory))
    else:
        row.number, row.data = number, memory


def halt(service: Service, session: Session, campaign: Campaign, reason: str) -> None:
    """Pauses a campaign that cannot go on without a person."""
    log.warning("a campaign is paused", extra={"campaign": campaign.id, "error": reason})
    campaigns.move(session, service.clock(), "server", campaign.id, "pause", reason)


def sentence(error: Exception) -> str:
    """Of a failure, for people; what was not foreseen is in the log."""
    return str(error) if isinstance(error, KeyartError) else f"It could not be read ({type(error).__name__})."
