"""When the budget is spent if rounds go on as they do. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keyart_federated.accounting import composed_by_draw

from .charges import Budget, Charge

PACE_WINDOW: Final = timedelta(days=28)
MIN_SPAN: Final = timedelta(days=1)  # a pace of less than that is none
MAX_HORIZON: Final = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Forecast:
    """pace: ε a day. ends: when nothing is left; None: not at this pace. another: ε that one more round like the last
    one adds."""

    epsilon_per_day: float
    exhausted_at: datetime | None
    next_round_epsilon: float


def forecast(charges: Sequence[Charge], budget: Budget, at: datetime) -> Forecast:
    """At the pace of the last 28 days, or since the first charge where that is less. charges: oldest first.

    ε of rounds is a minimum over orders of what is a line in their number (Mironov 2017, propositions 1 and 3), so it
    grows ever slower: a straight line ends too early rather than too late as long as rounds stay as they are, and
    those who have lost most so far go on losing most.
    """
    another = _next_round_epsilon(charges, budget)
    spent = [0.0, *(charge.spent for charge in charges)]
    window_start = at - PACE_WINDOW
    charged_before = sum(charge.at < window_start for charge in charges)
    span = PACE_WINDOW if charged_before else max(at - charges[0].at, MIN_SPAN) if charges else PACE_WINDOW
    spent_in_window = spent[-1] - spent[charged_before]
    days = span / timedelta(days=1)
    if budget.left == 0.0:
        return Forecast(spent_in_window / days, at, another)
    if spent_in_window <= 0 or budget.left / spent_in_window > MAX_HORIZON / span:
        return Forecast(spent_in_window / days, None, another)
    return Forecast(spent_in_window / days, at + span * (budget.left / spent_in_window), another)


def _next_round_epsilon(charges: Sequence[Charge], budget: Budget) -> float:
    times = Counter((charge.event, charge.low, charge.high) for charge in (*charges, *charges[-1:]))
    return max(0.0, composed_by_draw(times, budget.delta) - budget.spent)
