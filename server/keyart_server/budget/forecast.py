"""Forecast of when the privacy budget is exhausted at the current rate of spending. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keyart_federated.accounting import composed_by_draw

from .charges import Budget, Charge

PACE_WINDOW: Final = timedelta(days=28)
MIN_SPAN: Final = timedelta(days=1)  # minimum period for a rate
MAX_HORIZON: Final = timedelta(days=36_500)
MAX_ROUNDS_LEFT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the budget is exhausted if rounds continue as they are.

    Attributes:
        epsilon_per_day: current rate of spending.
        exhausted_at: time at which nothing is left; None if that is not in sight.
        next_round_epsilon: ε that another round like the last one would add.
    """

    epsilon_per_day: float
    exhausted_at: datetime | None
    next_round_epsilon: float


def forecast(charges: Sequence[Charge], budget: Budget, at: datetime) -> Forecast:
    """Extrapolate the spending of the last 28 days, or since the first charge if that is shorter.

    The ε of n equal rounds is a minimum over orders of linear functions of n (Mironov 2017, propositions 1 and 3),
    hence concave: a straight line is exhausted too early rather than too late, as long as rounds stay alike and the
    same devices keep the highest ε. Charges come oldest first.
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


def rounds_left(charges: Sequence[Charge], budget: Budget) -> int | None:
    """Return how many rounds like the last one still fit into the budget; None before the first charge.

    The ε of n further rounds rises with n, so the largest n is found by bisection, up to `MAX_ROUNDS_LEFT`.
    """
    if not charges:
        return None
    counts = Counter((charge.event, charge.low, charge.high) for charge in charges)
    last = (charges[-1].event, charges[-1].low, charges[-1].high)

    def fits(rounds: int) -> bool:
        return composed_by_draw(counts + Counter({last: rounds}), budget.delta) <= budget.epsilon

    return bisect_left(range(1, MAX_ROUNDS_LEFT + 1), True, key=lambda rounds: not fits(rounds))


def _next_round_epsilon(charges: Sequence[Charge], budget: Budget) -> float:
    times = Counter((charge.event, charge.low, charge.high) for charge in (*charges, *charges[-1:]))
    return max(0.0, composed_by_draw(times, budget.delta) - budget.spent)
