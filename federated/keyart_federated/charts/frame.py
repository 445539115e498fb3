"""The frame of a chart: from values to places. Pure.

Horizontal places are in thousandths of the width, so that a page may have any width; vertical ones are pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Final

from .chart import Axis, Chart, is_drawable

WIDTH: Final = 1000  # thousandths of the width
HEIGHT: Final = 200  # pixels
X_TICKS, Y_TICKS = 4, 4  # about
STEP_FACTORS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
DAY: Final = 86_400.0
TIME_STEPS: Final = (
    *(60.0, 300.0, 900.0, 3_600.0, 10_800.0, 21_600.0, 43_200.0),
    *(DAY * days for days in (1, 2, 7, 14, 28, 56, 91, 182, 364, 728, 1820)),
)
SIDE_SHARE: Final = 0.02  # of the width, left and right of points and bars
# An interval whose end is farther from its point than this multiple of the median is cut at the frame: the wide
# intervals of the first rounds would flatten all that follows.
MAX_INTERVAL_RATIO: Final = 4.0
EQUAL_SHARE: Final = 0.1  # of a value: the reach of an axis on which all values are equal
MIN_REACH: Final = 1e-9  # of a value: what differs by less counts as equal, since ticks could not be told apart


@dataclass(frozen=True, slots=True)
class Frame:
    """The ranges of both axes, with their ticks.

    Attributes:
        x_low, x_high, y_low, y_high: Values at the ends.
        x_ticks, y_ticks: Values of the ticks.
    """

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    x_ticks: tuple[float, ...]
    y_ticks: tuple[float, ...]

    def x(self, value: float) -> float:
        """Return the place of a value in thousandths of the width."""
        return round(WIDTH * _share(value, self.x_low, self.x_high), 1)

    def y(self, value: float) -> float:
        """Return the place of a value in pixels from the top; values outside stand at the edge."""
        return round(HEIGHT * (1 - _share(value, self.y_low, self.y_high)), 1)


def frame_of(chart: Chart) -> Frame:
    """Return the frame of a chart that has at least one point."""
    xs = [x for series in chart.series for x, _ in series.finite]
    x_low, x_high = _range_of_x(min(xs), max(xs), chart)
    heights = [*_heights(chart), *(() if chart.y.floor is None else (chart.y.floor,))]
    low, high = min(heights), max(heights)
    if high - low <= MIN_REACH * max(abs(low), abs(high)):
        reach = max(abs(low), abs(high)) * EQUAL_SHARE or 1.0
        low, high = (low, high + reach) if low == chart.y.floor else (low - reach, high + reach)
    step = nice_step(high - low, Y_TICKS, chart.y.whole)
    bottom, top = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    y_ticks = tuple(step * place for place in range(bottom, top + 1))
    return Frame(x_low, x_high, y_ticks[0], y_ticks[-1], tuple(_x_ticks(x_low, x_high, chart.x)), y_ticks)


def nice_step(reach: float, ticks: int, whole: bool = False) -> float:
    """Return 1, 2, 2.5 or 5 times a power of ten, so that about so many steps make the reach."""
    rough = max(reach / ticks, 1e-300)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in STEP_FACTORS if factor * power >= rough * (1 - 1e-9))
    return max(1.0, float(math.ceil(step))) if whole else step


def time_label(seconds: float, reach: float) -> str:
    """Format a tick of a time axis, in UTC, as finely as the reach of the axis needs."""
    at = datetime.fromtimestamp(seconds, UTC)
    if reach < 2 * DAY:
        return at.strftime("%H:%M" if reach < DAY / 2 else "%-d %b %H:%M")
    return at.strftime("%-d %b" if reach < 300 * DAY else "%b %Y")


def _share(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _range_of_x(low: float, high: float, chart: Chart) -> tuple[float, float]:
    if high - low <= MIN_REACH * max(abs(low), abs(high)):
        reach = DAY / 2 if chart.x.time else max(abs(low) * EQUAL_SHARE, 0.5)
        return low - reach, high + reach
    counts = [len(series.points) for series in chart.series if series.mark == "bars"]
    side = (high - low) * (max(SIDE_SHARE, 0.6 / max(max(counts) - 1, 1)) if counts else SIDE_SHARE)
    marked = counts or any(series.mark == "points" for series in chart.series)
    return (low - side, high + side) if marked else (low, high)


def _heights(chart: Chart) -> Iterator[float]:
    """Yield the values that the vertical axis includes."""
    yield from (limit.value for limit in chart.limits if is_drawable(limit.value))
    if any(series.mark == "bars" for series in chart.series):
        yield 0.0
    for series in chart.series:
        yield from (y for _, y in series.finite)
        known = [
            (y, low, high)
            for (_, y), (low, high) in zip(series.points, series.intervals, strict=bool(series.intervals))
            if is_drawable(y, low, high)
        ]
        if known:
            cut = MAX_INTERVAL_RATIO * median(max(high - y, y - low) for y, low, high in known)
            for y, low, high in known:
                yield max(low, y - cut)
                yield min(high, y + cut)


def _x_ticks(low: float, high: float, axis: Axis) -> Iterator[float]:
    reach = high - low
    if axis.time:
        step = next((step for step in TIME_STEPS if step * (X_TICKS + 1) >= reach), TIME_STEPS[-1])
    else:
        step = nice_step(reach, X_TICKS, axis.whole)
    first = math.ceil(low / step - 1e-9)
    for place in range(first, first + 12):
        if step * place > high + reach * 1e-9:
            return
        yield step * place
