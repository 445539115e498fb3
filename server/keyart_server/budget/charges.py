"""Charges against the privacy budget: a round is charged in the transaction that opens the stage of masked vectors.

No masked vector can have left a device before that, so a round that ends earlier costs nothing; afterwards the round
counts, unless its sum turned out to be one that this server cannot open (`give_back`). A round is charged once,
however often it is resumed. Charges compose by their Rényi divergences (`keyart_federated.accounting`). Charges with
disjoint sampling bucket ranges (`keyart.client`) concern different devices, so the fleet has spent what the
most-sampled device has spent.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
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
from ..http.pagination import PageRequest, read_page
from ..state.tables import BudgetRow, ChargeRow

EventCounts = Counter[tuple[Mechanism, float, float]]
ROW = 1
EPSILON, DELTA = 8.0, 1e-6  # default limits of devices (`keyart.Limits`)


@dataclass(frozen=True, slots=True)
class Budget:
    """The privacy budget of the fleet.

    Attributes:
        epsilon: upper limit of ε, at `delta`.
        spent: ε spent so far.
    """

    epsilon: float
    delta: float
    spent: float

    @property
    def left(self) -> float:
        """Return the remaining ε."""
        return max(0.0, self.epsilon - self.spent)


@dataclass(frozen=True, slots=True)
class Charge:
    """A charged round.

    Attributes:
        event: the mechanism of the round.
        spent: ε of the fleet after this charge.
        low: lower end of the sampling bucket range [low, high).
        high: upper end of that range.
    """

    campaign_id: str
    number: int
    event: Mechanism
    spent: float
    at: datetime
    low: float = 0.0
    high: float = 1.0


def configure(session: Session, at: datetime, epsilon: float | None = None, delta: float | None = None) -> Budget:
    """Store the budget; a number that is given replaces the stored one.

    Raises:
        SettingError: for invalid numbers, a limit below the ε spent, or another δ once rounds were charged.
    """
    row = session.get(BudgetRow, ROW, with_for_update=True)
    previous = (EPSILON, DELTA) if row is None else (row.epsilon, row.delta)
    requested = (previous[0] if epsilon is None else epsilon, previous[1] if delta is None else delta)
    if not (0 < requested[0] < float("inf") and 0 < requested[1] < 1):
        raise SettingError(f"A budget needs ε > 0 and 0 < δ < 1, but is {requested}.")
    spent = fleet_budget(session).spent
    if spent and requested[1] != previous[1]:
        raise SettingError(f"The budget's δ stays {previous[1]:g}: rounds were charged at that value.")
    if spent > requested[0]:
        raise SettingError(f"ε = {spent:.3g} is already spent; the budget cannot be lowered to {requested[0]:g}.")
    if row is None:
        session.add(BudgetRow(id=ROW, epsilon=requested[0], delta=requested[1]))
    elif requested != previous:
        row.epsilon, row.delta = requested
        audit_log.append(session, at, "server", "budget.change", "fleet", epsilon=requested[0], delta=requested[1])
    return Budget(*requested, spent)


def fleet_budget(session: Session) -> Budget:
    """Return the current budget."""
    row = session.get(BudgetRow, ROW)
    epsilon, delta = (EPSILON, DELTA) if row is None else (row.epsilon, row.delta)
    return Budget(epsilon, delta, session.scalar(select(func.max(ChargeRow.spent))) or 0.0)


def list_charges(session: Session) -> list[Charge]:
    """Return all charges, oldest first; each is composed with all earlier ones."""
    table = ChargeRow.__table__  # plain columns, since there may be thousands of rows
    return [_charge(row) for row in session.execute(select(table).order_by(table.c.spent, table.c.at))]


def list_page(session: Session, paging: PageRequest) -> tuple[list[Charge], str | None]:
    """Return one page of charges, newest first, and the cursor of the next page."""
    key = ChargeRow.at, ChargeRow.campaign_id, ChargeRow.number
    page, following = read_page(session, select(ChargeRow), key, paging)
    return [_charge(row) for row in page], following


def spent_after(session: Session, campaign_id: str, numbers: Collection[int]) -> dict[int, float]:
    """Return the ε of the fleet after each of these rounds of a campaign that was charged."""
    rows = select(ChargeRow.number, ChargeRow.spent).where(
        ChargeRow.campaign_id == campaign_id, ChargeRow.number.in_(numbers)
    )
    return {row[0]: row[1] for row in session.execute(rows)}


def epsilon_by_campaign(charges: Sequence[Charge]) -> dict[str, float]:
    """Return how much each campaign's rounds added to the fleet's ε. Charges come oldest first."""
    added: dict[str, float] = {}
    spent_before = 0.0
    for charge in charges:
        added[charge.campaign_id] = added.get(charge.campaign_id, 0.0) + charge.spent - spent_before
        spent_before = charge.spent
    return added


def projected_epsilon(session: Session, event: Mechanism, low: float = 0.0, high: float = 1.0) -> float:
    """Return the ε of the fleet if this event were charged to devices with a sampling bucket in [low, high)."""
    return composed_by_draw(event_counts(session) + Counter([(event, low, high)]), fleet_budget(session).delta)


def charge(
    session: Session,
    at: datetime,
    campaign_id: str,
    number: int,
    event: Mechanism,
    low: float = 0.0,
    high: float = 1.0,
) -> Charge:
    """Charge a round inside the transaction of `ServerState.writing`; a charged round is not charged again.

    Args:
        session: the transaction.
        at: current time.
        campaign_id: campaign of the round.
        number: number of the round in its campaign.
        event: the mechanism of the round.
        low: lower end of the sampling bucket range [low, high).
        high: upper end of that range.

    Raises:
        BudgetSpent: if the charge would exceed the budget; nothing is changed.
    """
    audit_log.lock(session)  # one charge at a time, since each composes with all earlier ones
    row = session.get(ChargeRow, (campaign_id, number))
    if row is not None:
        return _charge(row)
    budget, spent = fleet_budget(session), projected_epsilon(session, event, low, high)
    if spent > budget.epsilon:
        raise BudgetSpent(
            f"Round {number} would bring the fleet to ε = {spent:.4g} at δ = {budget.delta}; the budget is "
            f"{budget.epsilon:g}, and {budget.spent:.4g} is spent. Stop the campaign, or plan more noise."
        )
    row = ChargeRow(
        campaign_id=campaign_id, number=number, event=to_json(event), low=low, high=high, spent=spent, at=at
    )
    session.add(row)
    session.flush()
    audit_log.append(session, at, "server", "budget.charge", campaign_id, round=number, spent=round(spent, 6))
    return _charge(row)


def give_back(session: Session, at: datetime, campaign_id: str, number: int) -> None:
    """Remove the charge of a round whose sum was never opened, inside the transaction that ends the round.

    Nothing that depends on a vector was read or released. Devices keep their own charges, since they cannot know
    that (docs/reference/protocol.md, "What a failed round reveals"). Later charges are composed again without it.
    """
    audit_log.lock(session)
    row = session.get(ChargeRow, (campaign_id, number))
    if row is None:
        return
    order = ChargeRow.at, ChargeRow.spent
    later = list(session.scalars(select(ChargeRow).where(ChargeRow.at >= row.at).order_by(*order)))
    later.remove(row)
    session.delete(row)
    counts, delta = event_counts(session), fleet_budget(session).delta
    for charge_row in reversed(later):
        charge_row.spent = composed_by_draw(counts, delta)
        counts -= Counter([(from_json(charge_row.event), charge_row.low, charge_row.high)])
    session.flush()
    spent = fleet_budget(session).spent
    audit_log.append(session, at, "server", "budget.return", campaign_id, round=number, spent=round(spent, 6))


def to_json(event: Mechanism) -> str:
    """Encode a mechanism as canonical JSON, as rounds and charges store it."""
    return json.dumps(event_json(event), sort_keys=True)


@lru_cache(maxsize=256)  # rounds of a campaign have equal events
def from_json(text: str) -> Mechanism:
    """Decode the result of `to_json`."""
    return event_from(json.loads(text))


def event_counts(session: Session, campaign_id: str | None = None) -> EventCounts:
    """Count how often each event was charged to each sampling bucket range, by all campaigns or by one."""
    by_campaign = event_counts_by_campaign(session)
    return by_campaign[campaign_id] if campaign_id is not None else sum(by_campaign.values(), EventCounts())


def event_counts_by_campaign(session: Session) -> defaultdict[str, EventCounts]:
    """Count, by campaign, how often each event was charged to each sampling bucket range."""
    key_columns = ChargeRow.campaign_id, ChargeRow.event, ChargeRow.low, ChargeRow.high
    counts: defaultdict[str, EventCounts] = defaultdict(EventCounts)
    for campaign_id, text, low, high, count in session.execute(
        select(*key_columns, func.count()).group_by(*key_columns)
    ):
        counts[campaign_id][from_json(text), low, high] += count  # different texts may describe equal events
    return counts


def _charge(row: ChargeRow | Row[Any]) -> Charge:
    return Charge(row.campaign_id, row.number, from_json(row.event), row.spent, row.at, row.low, row.high)
