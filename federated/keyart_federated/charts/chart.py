"""A chart as a value: what is drawn, without how. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

Mark = Literal["line", "steps", "points", "bars", "forecast", "stripe"]
Bounds = tuple[float, float]

MAX_POINTS: Final = 240  # of a series: about one in three pixels of a wide page
MAX_MAGNITUDE: Final = 1e150  # differences of larger numbers may overflow; they count as missing


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis.

    Attributes:
        label: What it shows, with the unit.
        show: Formats a value, for ticks and for the table.
        whole: Whether ticks stand at whole numbers only.
        time: Whether values are Unix seconds.
        floor: A value that the axis always includes, for example 0; None for none.
    """

    label: str
    show: Callable[[float], str]
    whole: bool = False
    time: bool = False
    floor: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A series of a chart.

    Attributes:
        name: Name for legend and table.
        points: (x, y) in the order of x; a y that is not finite is a gap.
        mark: How the points are drawn; "stripe" draws the intervals alone.
        intervals: (low, high) of each point; an interval that is not finite is not drawn. Empty for none.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    mark: Mark = "line"
    intervals: tuple[Bounds, ...] = ()

    def __post_init__(self) -> None:
        if self.intervals and len(self.intervals) != len(self.points):
            raise ValueError(f"{self.name}: {len(self.intervals)} intervals for {len(self.points)} points")

    @property
    def finite(self) -> list[tuple[float, float]]:
        """The points that can be drawn."""
        return [point for point in self.points if is_drawable(*point)]


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal limit.

    Attributes:
        name: Name for the legend.
        value: Height of the limit.
        neutral: Whether it is only a line to read by, such as no effect, and nothing is wrong beyond it.
    """

    name: str
    value: float
    neutral: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart.

    Attributes:
        title: What it shows, in a few words.
        summary: Its content in one sentence, also for screen readers.
        x: Horizontal axis.
        y: Vertical axis.
        series: The series, the most important first.
        limits: Horizontal limits.
        empty: Sentence that stands in place of a chart without points.
    """

    title: str
    summary: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    limits: tuple[Limit, ...] = ()
    empty: str = "There is nothing to draw yet."

    @property
    def is_empty(self) -> bool:
        """Return whether no point can be drawn."""
        return not any(is_drawable(*point) for series in self.series for point in series.points)


def is_drawable(*values: float) -> bool:
    """Return whether all values are finite and small enough for arithmetic."""
    # A loop: `all` over a generator costs four times as much, and there are many points.
    for value in values:  # noqa: SIM110
        if not -MAX_MAGNITUDE <= value <= MAX_MAGNITUDE:
            return False
    return True


def thinned(series: Series, limit: int = MAX_POINTS) -> Series:
    """Return the series with at most about `limit` points: the lowest and the highest of each stretch, and both ends.

    Peaks stay where they are; a mean over each stretch would hide them.
    """
    size = len(series.points)
    if size <= limit:
        return series
    stretches = max(limit // 2 - 1, 1)
    kept = {0, size - 1}
    for stretch in range(stretches):
        places = range(size * stretch // stretches, size * (stretch + 1) // stretches)
        heights = [(series.points[place][1], place) for place in places if is_drawable(*series.points[place])]
        kept |= {min(heights)[1], max(heights)[1]} if heights else {places[0]}
    order = sorted(kept)
    return replace(
        series,
        points=tuple(series.points[place] for place in order),
        intervals=tuple(series.intervals[place] for place in order) if series.intervals else (),
    )
