"""The chart of the privacy budget: ε spent over time, the limit and the forecast. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from keyart_federated.charts import Axis, Chart, Limit, Series

from ..budget import Budget, Charge
from ..budget.forecast import Forecast
from . import formatting

MAX_FORECAST_SHARE: Final = 1.0  # length of a forecast relative to the past


def time_axis(label: str = "Date (UTC)") -> Axis:
    """Return an axis of Unix seconds."""
    return Axis(label, lambda seconds: formatting.date_time(datetime.fromtimestamp(seconds, UTC)), time=True)


def budget_chart(charges: Sequence[Charge], budget: Budget, ahead: Forecast, at: datetime) -> Chart:
    """Return the chart of the ε spent; charges come oldest first."""
    spent, limit = formatting.epsilon(budget.spent), formatting.number(budget.epsilon)
    summary = f"{spent} of {limit} was spent by {formatting.day(at)}."
    steps = [(charge.at.timestamp(), charge.spent) for charge in charges]
    lines = [Series("spent", (*steps, (at.timestamp(), budget.spent)) if steps else (), "steps")]
    if steps and ahead.exhausted_at is not None and ahead.exhausted_at > at:
        past = max(at - charges[0].at, timedelta(hours=1))
        last = min(ahead.exhausted_at, at + past * MAX_FORECAST_SHARE)
        reached = budget.spent + budget.left * ((last - at) / (ahead.exhausted_at - at))
        forecast = ((at.timestamp(), budget.spent), (last.timestamp(), reached))
        lines.append(Series("at the current rate", forecast, "forecast"))
        summary += f" At the current rate the budget is exhausted by {formatting.day(ahead.exhausted_at)}."
    axis = Axis("ε of the fleet", formatting.epsilon, floor=0.0)
    return Chart("ε spent over time", summary, time_axis(), axis, tuple(lines), (Limit("budget", budget.epsilon),))
