"""Charges in the database: a round is paid for in the transaction that opens the stage of masked vectors.

Before it no masked vector can have left a device, so a round that ends earlier costs nothing; after it the round
counts, whatever becomes of its sum. A round is charged once, however often it is resumed. Charges compose by their
Rényi divergences (`keyart_federated.accounting`), and those of different draws (`keyart.client`) are of different
devices: what the fleet has spent is what the device has that was asked most.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from keyart.errors import BudgetSpent, SettingError
from keyart_federated.accounting import Mechanism, composed_by_draw
from keyart_federated.accounting.ledger import event_from, event_json

from .. import audit_log
from ..state.tables import BudgetRow, ChargeRow

ROW = 1
EPSILON, DELTA = 8.0, 1e-6  # what devices allow unless their host says otherwise (`keyart.Limits`)


@dataclass(frozen=True, slots=True)
class Budget:
    """epsilon: the most that the fleet ever gives away, at `delta`. spent: of it, so far."""

    epsilon: float
    delta: float
    spent: float

    @property
    def left(self) -> float:
        return max(0.0, self.epsilon - self.spent)


@dataclass(frozen=True, slots=True)
class Charge:
    """A round that is paid for. spent: the fleet's ε from then on. low, high: it asked draws of [low, high)."""

    campaign_id: str
    number: int
    event: Mechanism
    spent: float
    at: datetime
    low: float = 0.0
    high: float = 1.0


def configure(session: Session, at: datetime, epsilon: float | None = None, delta: float | None = None) -> Budget:
    """The budget is there from now on; a number that is given replaces the one before. Raises SettingError for a
    budget that is none, or below what is spent."""
    row = session.get(BudgetRow, ROW, with_for_update=True)
    previous = (EPSILON, DELTA) if row is None else (row.epsilon, row.delta)
    requested = (previous[0] if epsilon is None else epsilon, previous[1] if delta is None else delta)
    if not (0 < requested[0] < float("inf") and 0 < requested[1] < 1):
        raise SettingError(f"A budget needs ε > 0 and 0 < δ < 1, and is {requested}.")
    spent = fleet_budget(session).spent
    if spent and requested[1] != previous[1]:
        raise SettingError(f"The budget's δ is {previous[1]:g} for good: rounds were charged at it.")
    if spent > requested[0]:
        raise SettingError(f"ε = {spent:.3g} is spent already; a budget of {requested[0]:g} cannot be kept any more.")
    if row is None:
        session.add(BudgetRow(id=ROW, epsilon=requested[0], delta=requested[1]))
    elif requested != previous:
        row.epsilon, row.delta = requested
        audit_log.append(session, at, "server", "budget.change", "fleet", epsilon=requested[0], delta=requested[1])
    return Budget(*requested, spent)


def fleet_budget(session: Session) -> Budget:
    """The budget now."""
    row = session.get(BudgetRow, ROW)
    epsilon, delta = (EPSILON, DELTA) if row is None else (row.epsilon, row.delta)
    return Budget(epsilon, delta, session.scalar(select(func.max(ChargeRow.spent))) or 0.0)


def list_charges(session: Session) -> list[Charge]:
    """Oldest first: each is on top of all before it."""
    table = ChargeRow.__table__  # plain columns: there may be thousands
    return [_charge(row) for row in session.execute(select(table).order_by(table.c.spent, table.c.at))]


def projected_epsilon(session: Session, event: Mechanism, low: float = 0.0, high: float = 1.0) -> float:
    """The fleet's ε if this were charged, too, to devices whose draw is in [low, high)."""
    return composed_by_draw(_event_counts(session) + Counter([(event, low, high)]), fleet_budget(session).delta)


def charge(
    session: Session,
    at: datetime,
    campaign_id: str,
    number: int,
    event: Mechanism,
    low: float = 0.0,
    high: float = 1.0,
) -> Charge:
    """Pays for a round inside the transaction of `State.writing`. One that is paid for already is not charged again.

    low, high: it asks devices whose draw is in [low, high). Raises BudgetSpent where it would exceed the budget; then
    nothing has changed.
    """
    audit_log.lock(session)  # one charge at a time: each counts all before it
    row = session.get(ChargeRow, (campaign_id, number))
    if row is not None:
        return _charge(row)
    budget, spent = fleet_budget(session), projected_epsilon(session, event, low, high)
    if spent > budget.epsilon:
        raise BudgetSpent(
            f"Round {number} would bring the fleet to ε = {spent:.4g} at δ = {budget.delta}; its budget is "
            f"{budget.epsilon:g}, and {budget.spent:.4g} is spent. End the campaign here, or plan more noise."
        )
    row = ChargeRow(
        campaign_id=campaign_id, number=number, event=to_json(event), low=low, high=high, spent=spent, at=at
    )
    session.add(row)
    session.flush()
    audit_log.append(session, at, "server", "budget.charge", campaign_id, round=number, spent=round(spent, 6))
    return _charge(row)


def to_json(event: Mechanism) -> str:
    return json.dumps(event_json(event), sort_keys=True)


@lru_cache(maxsize=256)  # a campaign's rounds are alike
def from_json(text: str) -> Mechanism:
    return event_from(json.loads(text))


def _event_counts(session: Session) -> Counter[tuple[Mechanism, float, float]]:
    """How often each event was charged, with its bounds."""
    key_columns = ChargeRow.event, ChargeRow.low, ChargeRow.high
    counts: Counter[tuple[Mechanism, float, float]] = Counter()
    for text, low, high, count in session.execute(select(*key_columns, func.count()).group_by(*key_columns)):
        counts[from_json(text), low, high] += count  # two texts may be of equal events
    return counts


def _charge(row: ChargeRow | Row[Any]) -> Charge:
    return Charge(row.campaign_id, row.number, from_json(row.event), row.spent, row.at, row.low, row.high)
