"""When the budget is spent if rounds go on as they do. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keyart_federated.accounting import composed_by_draw

from .charges import Budget, Charge

RECENT: Final = timedelta(days=28)
SHORTEST: Final = timedelta(days=1)  # a pace of less than that is none
FARTHEST: Final = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Forecast:
    """pace: ε a day. ends: when nothing is left; None: not at this pace. another: ε that one more round like the last
    one adds."""

    pace: float
    ends: datetime | None
    another: float


def forecast(charges: Sequence[Charge], budget: Budget, at: datetime) -> Forecast:
    """At the pace of the last 28 days, or since the first charge where that is less. charges: oldest first.

    ε of rounds is a minimum over orders of what is a line in their number (Mironov 2017, propositions 1 and 3), so it
    grows ever slower: a straight line ends too early rather than too late as long as rounds stay as they are, and
    those who have lost most so far go on losing most.
    """
    another = _another(charges, budget)
    spent = [0.0, *(charge.spent for charge in charges)]
    began = at - RECENT
    before = sum(charge.at < began for charge in charges)
    span = RECENT if before else max(at - charges[0].at, SHORTEST) if charges else RECENT
    gained = spent[-1] - spent[before]
    days = span / timedelta(days=1)
    if budget.left == 0.0:
        return Forecast(gained / days, at, another)
    if gained <= 0 or budget.left / gained > FARTHEST / span:
        return Forecast(gained / days, None, another)
    return Forecast(gained / days, at + span * (budget.left / gained), another)


def _another(charges: Sequence[Charge], budget: Budget) -> float:
    times = Counter((charge.event, charge.low, charge.high) for charge in (*charges, *charges[-1:]))
    return max(0.0, composed_by_draw(times, budget.delta) - budget.spent)
