"""The fleet as the server knows it: how many devices there are, how many answer, and what is left of the budget."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Final, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from keyart_federated.campaigns import KnownFleet

from .. import budget
from ..gateway.enrolment import count_valid
from ..rounds.round import ENDED, GUARD_TOPIC
from ..rounds.stage_windows import list_gateways
from ..service import Service
from ..state.tables import RoundRow

MEASURED_ROUNDS: Final = 5  # rounds from which the share of devices that answer is measured
MEASURED_FOR: Final = timedelta(days=28)
MIN_ANSWER_SHARE: Final = 0.001
NEW_DEVICES_SHARE: Final = 0.8  # registrations of devices that are new, above which a fleet is larger than is known


class EndedRound(NamedTuple):
    """A round that has ended: devices that registered, its target cohort and its sampling bucket range."""

    registered: int
    wanted: int
    low: float
    high: float


def count_devices(service: Service, session: Session) -> int:
    """Return how many devices with a valid certificate the server knows.

    An issuer apart from the server knows its devices; the server then knows those that have registered for a round.
    """
    registered = count_valid(session, service.clock())
    return registered if service.issuer is None else max(registered, service.issuer.authority.count_devices())


def fleet_state(
    service: Service, session: Session, campaign_id: str | None = None, devices: int | None = None
) -> KnownFleet:
    """Return the state of the fleet.

    Args:
        service: the server.
        session: a transaction.
        campaign_id: campaign that is judged; its charges are counted apart.
        devices: size of the fleet as a person states it; None for what the server knows.
    """
    at, fleet_budget = service.clock(), budget.fleet_budget(session)
    known = count_devices(service, session)
    ended = _ended_rounds(session, service)
    own = budget.event_counts(session, campaign_id) if campaign_id is not None else {}
    return KnownFleet(
        devices=known if devices is None else devices,
        at_least=devices is None and service.issuer is None and is_lower_bound(ended, known, _registrations(session)),
        answer_share=answer_share(ended, known),
        gateways=len(list_gateways(session, at)),
        epsilon=fleet_budget.epsilon,
        delta=fleet_budget.delta,
        charged=tuple(budget.event_counts(session).items()),
        own=tuple(own.items()),
    )


def is_lower_bound(rounds: Sequence[EndedRound], devices: int, registrations: int) -> bool:
    """Tell whether the fleet is certainly larger than the devices that have registered.

    That is so if the newest round filled its target cohort, and if hardly any device has registered twice: in a small
    fleet the same devices come again.

    Args:
        rounds: the newest rounds, newest first.
        devices: devices that have registered.
        registrations: registrations of all rounds.
    """
    return bool(rounds) and rounds[0].registered >= rounds[0].wanted and devices >= NEW_DEVICES_SHARE * registrations


def answer_share(rounds: Sequence[EndedRound], devices: int) -> float:
    """Return the median share of the sampled devices that registered, over rounds that did not fill their cohort."""
    shares = [
        min(round_.registered / (devices * (round_.high - round_.low)), 1.0)
        for round_ in rounds
        if devices and 0 < round_.registered < round_.wanted
    ]
    return max(median(shares[:MEASURED_ROUNDS]), MIN_ANSWER_SHARE) if shares else 1.0


def _registrations(session: Session) -> int:
    """Return how many devices registered in all rounds, each counted in every round."""
    return session.scalar(select(func.sum(RoundRow.keys)).where(RoundRow.standing.in_(ENDED))) or 0


def _ended_rounds(session: Session, service: Service) -> list[EndedRound]:
    """Return the newest rounds that asked devices whatever model they run, newest first."""
    columns = RoundRow.keys.label("registered"), RoundRow.wanted, RoundRow.low, RoundRow.high
    rows = session.execute(
        select(*columns)
        .where(
            RoundRow.standing.in_(ENDED),
            RoundRow.opened >= service.clock() - MEASURED_FOR,
            RoundRow.topic.not_like(f"{GUARD_TOPIC}%"),
        )
        .order_by(RoundRow.opened.desc())
        .limit(2 * MEASURED_ROUNDS)
    )
    return [EndedRound(row.registered, row.wanted, row.low, row.high) for row in rows]
