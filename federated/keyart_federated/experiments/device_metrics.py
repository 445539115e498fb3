"""The metrics of an experiment: names, units and directions, and the baseline of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from keyart.campaigns import MAX_BROWSE_MINUTES, METRICS
from keyart.errors import SettingError

REACH: Final = 4.0  # deviations of a metric, up to which it is told
MAX_CORRELATION: Final = 0.95


@dataclass(frozen=True, slots=True)
class DeviceMetric:
    """A metric that devices measure.

    Attributes:
        label: Name in words.
        unit: Unit after a number, "%" for shares.
        most: Largest possible value.
        better: 1 if more is better, else −1.
        guard: Whether it is watched for harm, unless the experiment is about it.
    """

    label: str
    unit: str
    most: float
    better: int = 1
    guard: bool = False

    def shown(self, value: float) -> str:
        """Return a value as text. Noise may have put it out of its range."""
        value = min(max(value, 0.0), self.most)
        return f"{100 * value:.2f} %" if self.unit == "%" else f"{value:.3g} {self.unit}"

    def shown_difference(self, value: float) -> str:
        """Return an absolute difference as text: signed, and of shares in percentage points (pp).

        With % it would be taken for a relative change.
        """
        text = f"{100 * value:+.2f} pp" if self.unit == "%" else f"{value:+.3g} {self.unit}"
        return text.replace("-", "−")


def percent(share: float) -> str:
    """Return a change as text: "+5.7 %"."""
    return f"{100 * share:+.1f} %".replace("-", "−")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A metric before the experiment.

    Attributes:
        mean: Mean over devices.
        deviation: Standard deviation over devices.
        correlation: Correlation of a device's value with its own of the days before.
        days: Days over which each device was measured.

    Raises:
        SettingError: A value is out of range.
    """

    mean: float
    deviation: float
    correlation: float = 0.0
    days: float = 14.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and self.deviation > 0 and math.isfinite(self.deviation)):
            raise SettingError(
                f"A baseline has a finite mean and a deviation above 0, not {self.mean}, {self.deviation}."
            )
        if not 0 <= self.correlation <= MAX_CORRELATION or not self.days > 0:
            raise SettingError(
                f"A baseline's correlation is between 0 and {MAX_CORRELATION} and its days are above 0; it has "
                f"{self.correlation} and {self.days}."
            )

    def over(self, days: float) -> Baseline:
        """Return the baseline of the same devices over another number of days.

        With the correlation r of two such spans, r of the variance is between devices and 1 − r is chance, in
        proportion to one over the days. The past stays as long as it was.
        """
        share = self.correlation + (1 - self.correlation) * self.days / days
        correlation = min(self.correlation / math.sqrt(share), MAX_CORRELATION)
        return replace(self, deviation=self.deviation * math.sqrt(share), correlation=correlation, days=days)

    def reach(self, measure: DeviceMetric) -> float:
        """Return how far from the mean values are cut: `REACH` standard deviations, or less at the range's end."""
        return min(REACH * self.deviation, max(self.mean, measure.most - self.mean))


MEASURES: Final[Mapping[str, DeviceMetric]] = {
    "quality_plays": DeviceMetric("quality plays a picture", "%", 1.0),
    "take_rate": DeviceMetric("plays a picture", "%", 1.0),
    "watch_time": DeviceMetric("hours watched a day", "h", 24.0),
    "browse_time": DeviceMetric("browsing until a play", "min", MAX_BROWSE_MINUTES, better=-1, guard=True),
    "returns": DeviceMetric("came back within 7 days", "%", 1.0),
    "abandonment": DeviceMetric("plays given up", "%", 1.0, better=-1, guard=True),
    "page_diversity": DeviceMetric("change from picture to picture", "%", 1.0, guard=True),
}
# Before anything is known: wide enough for any service, so that a first question tells what to ask the second time.
ASSUMED: Final[Mapping[str, Baseline]] = {
    "quality_plays": Baseline(0.1, 0.1),
    "take_rate": Baseline(0.2, 0.15),
    "watch_time": Baseline(1.0, 1.0),
    "browse_time": Baseline(5.0, 3.0),
    "returns": Baseline(0.5, 0.5),
    "abandonment": Baseline(0.4, 0.3),
    "page_diversity": Baseline(0.6, 0.2),
}
GUARDS: Final = tuple(name for name, measure in MEASURES.items() if measure.guard)

if tuple(MEASURES) != METRICS or tuple(ASSUMED) != METRICS:  # pragma: no cover
    raise AssertionError("A metric that devices know is not described here.")
