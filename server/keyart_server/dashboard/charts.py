"""Charts as SVG paths, stretched to the available width; their labels are HTML beside them. Pure.

The templates keep stroke widths constant (`vector-effect`), so that only distances are stretched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from ..budget import Budget, Charge
from ..budget.forecast import Forecast
from ..rounds.round_result import Rate
from . import formatting

WIDTH, HEIGHT = 600, 200
NICE_STEPS: Final = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0)
MAX_FORECAST_SHARE: Final = 1.0  # length of a forecast relative to the past


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart; its paths are in a box of 600 by 200.

    Attributes:
        title: what the chart shows.
        summary: its content in one sentence.
        ticks: labels of the vertical axis: top, middle, bottom.
        start: label of the left end of the time axis.
        end: label of its right end.
        line: path of the line.
        points: path of its points.
        band: path of the interval around the line.
        limit: path of a limit.
        ahead: path of a forecast.
    """

    title: str
    summary: str
    ticks: tuple[str, str, str]
    start: str
    end: str
    line: str
    points: str = ""
    band: str = ""
    limit: str = ""
    ahead: str = ""


@dataclass(frozen=True, slots=True)
class _Frame:
    first: datetime
    last: datetime
    low: float
    high: float

    def x(self, at: datetime) -> float:
        return round(WIDTH * ((at - self.first) / (self.last - self.first)), 1)

    def y(self, value: float) -> float:
        clipped = min(max(value, self.low), self.high)
        return round(HEIGHT * (self.high - clipped) / (self.high - self.low), 1)

    def ticks(self, show: Callable[[float], str]) -> tuple[str, str, str]:
        return show(self.high), show((self.low + self.high) / 2), show(self.low)


def budget_chart(charges: Sequence[Charge], budget: Budget, ahead: Forecast, at: datetime) -> Chart | None:
    """Chart the ε spent over time against the budget, with the forecast; None without charges (oldest first)."""
    if not charges:
        return None
    start = charges[0].at
    past = max(at - start, timedelta(hours=1))
    last = at if ahead.exhausted_at is None else min(max(ahead.exhausted_at, at), at + past * MAX_FORECAST_SHARE)
    frame = _Frame(start, max(last, start + past), 0.0, _nice(0.0, max(budget.epsilon, budget.spent))[1])
    steps = _thinned([(frame.x(charge.at), frame.y(charge.spent)) for charge in charges])
    line = f"M0 {HEIGHT}" + "".join(f"H{x:g}V{y:g}" for x, y in steps) + f"H{frame.x(at):g}"
    limit = f"M0 {frame.y(budget.epsilon):g}H{WIDTH}"
    ahead_path = ""
    spent, limit_shown = formatting.epsilon(budget.spent), formatting.number(budget.epsilon)
    summary = f"{spent} of {limit_shown} was spent by {formatting.day(at)}."
    if ahead.exhausted_at is not None and ahead.exhausted_at > at:
        forecast_spent = budget.spent + budget.left * ((last - at) / (ahead.exhausted_at - at))
        ahead_path = f"M{frame.x(at):g} {frame.y(budget.spent):g}L{frame.x(last):g} {frame.y(forecast_spent):g}"
        summary += f" At the current rate the budget is exhausted by {formatting.day(ahead.exhausted_at)}."
    ticks = frame.ticks(formatting.number)
    title = "ε spent over time"
    return Chart(
        title, summary, ticks, formatting.day(start), formatting.day(frame.last), line, limit=limit, ahead=ahead_path
    )


def rate_chart(rates: Sequence[tuple[datetime, Rate]], title: str) -> Chart | None:
    """Chart a rate with its simultaneous interval, oldest first; None for fewer than two rates."""
    if len(rates) < 2:
        return None
    moments = [at for at, _ in rates]
    low, high = _nice(min(rate.low for _, rate in rates), max(rate.high for _, rate in rates))
    frame = _Frame(moments[0], max(moments[-1], moments[0] + timedelta(seconds=1)), low, high)
    means = [(frame.x(at), frame.y(rate.mean)) for at, rate in rates]
    highs = [(frame.x(at), frame.y(rate.high)) for at, rate in rates]
    lows = [(frame.x(at), frame.y(rate.low)) for at, rate in rates]
    newest = rates[-1][1]
    summary = (
        f"{formatting.percent(newest.mean)} in the last of {len(rates)} rounds, between "
        f"{formatting.percent(newest.low)} and {formatting.percent(newest.high)}."
    )
    return Chart(
        title,
        summary,
        frame.ticks(formatting.percent),
        formatting.day(moments[0]),
        formatting.day(moments[-1]),
        line=_joined(means),
        points="".join(f"M{x:g} {y:g}h0" for x, y in means) if len(means) <= 60 else "",
        band=f"{_joined(highs)}L{_joined(reversed(lows))[1:]}Z",
    )


def _joined(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep the last of the points that fall on the same pixel."""
    return [point for point, following in pairwise(points) if int(point[0]) != int(following[0])] + points[-1:]


def _nice(low: float, high: float) -> tuple[float, float]:
    """Return round ends of an axis whose middle is round too."""
    reach = max(high - low, abs(high) * 1e-3, 1e-6)
    power = 10.0 ** math.floor(math.log10(reach / 2))
    for step in (power * factor for factor in NICE_STEPS):
        bottom = math.floor(low / step + 1e-9) * step
        if bottom + 2 * step >= high - 1e-12:
            return bottom, bottom + 2 * step
    return low, low + 2 * reach
