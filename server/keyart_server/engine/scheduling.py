"""Begins rounds of a campaign: connects the pure campaign logic with the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from keyart.campaigns import Limits, ParticipationHistory
from keyart.errors import KeyartError
from keyart_federated import campaigns as federated_campaigns

from .. import budget
from ..campaigns import Campaign, campaign_store
from ..gateway.discovery import poll_seconds
from ..rounds import Round, round_store
from ..service import Service
from ..state.tables import CampaignStateRow

MAX_VECTOR_BYTES: Final = 7_500_000  # so that vector and pads fit the body limit of a gateway
FIRST_PAUSE, MAX_PAUSE = timedelta(seconds=5), timedelta(hours=1)  # delay after a failed round, doubled each time
MAX_CONSECUTIVE_FAILURES: Final = 10  # then the campaign is paused


def recent_rounds(session: Session, campaign_id: str, topic: str = "") -> list[Round]:
    """Return the newest rounds of a campaign, newest first, enough to count consecutive failures.

    `topic` selects rounds that evaluate a release; "" selects the campaign's own rounds.
    """
    return round_store.list_for_campaign(session, campaign_id, MAX_CONSECUTIVE_FAILURES, topic)


def retry_at(rounds: Sequence[Round]) -> datetime | None:
    """Return when to retry after the newest rounds failed, or None. Rounds are given newest first."""
    failed = consecutive_failures(rounds)
    if not failed:
        return None
    return rounds[0].changed + min(FIRST_PAUSE * 2.0 ** (failed - 1), MAX_PAUSE)


def consecutive_failures(rounds: Sequence[Round]) -> int:
    """Count how many of the newest rounds failed in a row."""
    return next((i for i, round_ in enumerate(rounds) if round_.standing != "failed"), len(rounds))


def is_finished(rounds: Sequence[Round], max_tries: int, given_up: bool = False) -> bool:
    """Tell whether a sum was read, or no further try follows. Rounds of one topic are given newest first."""
    return given_up or consecutive_failures(rounds) >= max_tries or bool(rounds and rounds[0].standing == "done")


def is_due(rounds: Sequence[Round], at: datetime) -> bool:
    """Tell whether a round may begin now: none is active, and the pause after a failure is over."""
    retry_time = retry_at(rounds)
    return (not rounds or rounds[0].standing == "failed") and (retry_time is None or at >= retry_time)


def next_round_number(session: Session, campaign_id: str) -> int:
    """Return the next unused round number of the campaign."""
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
    """Begin the round inside a transaction of `ServerState.writing`; return "", or why it cannot begin."""
    projected, fleet_budget = (
        budget.projected_epsilon(session, request.event, request.low, request.high),
        budget.fleet_budget(session),
    )
    if projected > fleet_budget.epsilon:
        return (
            f"The next round would bring the fleet to ε = {projected:.3g}; "
            f"the budget is {fleet_budget.epsilon:g}, and {fleet_budget.spent:.3g} is spent."
        )
    message = request.offer.sign(service.keys.offers)
    parameters = request.offer.terms(message)
    if parameters.vector_bytes > MAX_VECTOR_BYTES:
        return f"A vector has {parameters.vector_bytes:,} bytes; a gateway accepts at most {MAX_VECTOR_BYTES:,}."
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
        parameters,
        request.event,
        request.pending,
        low=request.low,
        high=request.high,
        wanted=request.wanted,
        patience=request.patience,
    )
    return ""


def _participation_warning(service: Service, session: Session, request: federated_campaigns.RoundRequest) -> str:
    """Return why few devices may take part in the round, or ""."""
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
    """Return the state that the campaign stored after its last round, or None."""
    row = session.get(CampaignStateRow, campaign_id)
    return None if row is None else row.data


def save_campaign_state(session: Session, campaign_id: str, number: int, memory: bytes) -> None:
    """Store the campaign's state for its next round."""
    row = session.get(CampaignStateRow, campaign_id)
    if row is None:
        session.add(CampaignStateRow(campaign_id=campaign_id, number=number, data=memory))
    else:
        row.number, row.data = number, memory


def pause_campaign(service: Service, session: Session, campaign: Campaign, reason: str) -> None:
    """Pause a campaign that cannot continue without a person."""
    campaign_store.move(session, service.clock(), "server", campaign.id, "pause", reason)


def describe_error(error: Exception) -> str:
    """Describe a failure for people; details of unexpected errors are in the log."""
    return str(error) if isinstance(error, KeyartError) else f"The sum could not be read ({type(error).__name__})."
