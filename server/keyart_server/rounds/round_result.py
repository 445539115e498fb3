"""Results of rounds: rates, differences, verdicts and other values, for pages and for the API. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from keyart_federated.experiments.device_metrics import MEASURES

ALL: Final = "all"  # the segment of all devices
# Half the width of the interval, relative to the rate, above which noise drowns the rate.
MAX_RELATIVE_ERROR: Final = 0.5
# Values that are displayed elsewhere or add nothing to the rest.
SHOWN_ELSEWHERE: Final = frozenset(
    {
        "used",
        "segments",
        "metrics",
        "groups",
        "verdicts",
        "decided",
        "looks",
        "day",
        "rate",
        "low",
        "high",
        "contexts",
    }
)


@dataclass(frozen=True, slots=True)
class Rate:
    """A mean and its interval. The intervals of a campaign's rates hold simultaneously over rounds."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SegmentRate:
    """The rate of a segment, which noise may have drowned.

    Attributes:
        segment: name of the segment, or of the evaluated model.
        mean: the rate; None if no device of the segment could be counted yet.
        low: lower end of the interval; 0 if the rate is unknown.
        high: upper end of the interval; 1 if the rate is unknown.
    """

    segment: str
    mean: float | None
    low: float
    high: float

    @property
    def drowned(self) -> bool:
        """Tell whether noise drowns the rate: half of the interval is more than `MAX_RELATIVE_ERROR` of it."""
        return self.mean is None or self.high - self.low > 2 * MAX_RELATIVE_ERROR * abs(self.mean)


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of an arm's metric from that of the control arm.

    Attributes:
        metric: name of the metric (`MEASURES`).
        group: group of devices, such as a device class; "" for all devices.
        arm: name of the arm.
        rate: the numbers.
        texts: mean, low and high with their unit.
        tone: whether an interval without zero is an improvement.
    """

    metric: str
    group: str
    arm: str
    label: str
    rate: Rate
    texts: tuple[str, str, str]
    tone: Literal["good", "bad", "still"]


@dataclass(frozen=True, slots=True)
class VerdictText:
    """The verdict about one arm of an experiment.

    Attributes:
        forecast: sentence about the time that is still needed, which holds as long as the experiment goes on; or "".
    """

    arm: str
    word: str
    text: str
    forecast: str = ""


@dataclass(frozen=True, slots=True)
class ResultView:
    """The result of a round, for display.

    Attributes:
        segments: rates of all segments, those that noise drowns included.
        rest: other values by name; the reason, if the sum could not be used.
    """

    segments: tuple[SegmentRate, ...]
    differences: tuple[Difference, ...]
    verdicts: tuple[VerdictText, ...]
    rest: Mapping[str, float | str]

    @property
    def rates(self) -> dict[str, Rate]:
        """Return the known rates by segment."""
        return {one.segment: Rate(one.mean, one.low, one.high) for one in self.segments if one.mean is not None}

    @property
    def main_segment(self) -> SegmentRate | None:
        """Return the rate of all devices, known or not, else the first one, else None."""
        everybody = (one for one in self.segments if one.segment == ALL)
        return next(everybody, self.segments[0] if self.segments else None)

    @property
    def main_rate(self) -> Rate | None:
        """Return the rate of `main_segment`, or None if it is not known."""
        return None if self.main_segment is None else self.rates.get(self.main_segment.segment)

    @property
    def shows(self) -> bool:
        """Tell whether there is anything to display; comparisons of releases are displayed with the release."""
        return bool(self.segments or self.differences or self.verdicts or self.rest)


def parse_result(result: Mapping[str, Any]) -> ResultView:
    """Parse the result of a round."""
    verdicts = tuple(
        VerdictText(arm, verdict["word"], verdict["text"], verdict.get("forecast", ""))
        for arm, verdict in result.get("verdicts", {}).items()
    )
    return ResultView(tuple(_segment_rates(result)), tuple(_differences(result)), verdicts, dict(_rest(result)))


def _segment_rates(result: Mapping[str, Any]) -> Iterator[SegmentRate]:
    """Yield the rate of each segment, or that of an evaluated model."""
    for name, values in result.get("segments", {}).items():
        if isinstance(values, Mapping):  # a list is part of a comparison of releases
            low, high = values.get("low"), values.get("high")
            yield SegmentRate(name, values.get("rate"), 0.0 if low is None else low, 1.0 if high is None else high)
    if "rate" in result:
        yield SegmentRate(f"model {result['version']}", result["rate"], result["low"], result["high"])


def _differences(result: Mapping[str, Any]) -> Iterator[Difference]:
    main_metric = next(iter(result.get("metrics", {})), "")
    named = [(name, "", arms) for name, arms in result.get("metrics", {}).items()]
    named += [(main_metric, group, arms) for group, arms in result.get("groups", {}).items()]
    for metric, group, arms in named:
        measure = MEASURES[metric]
        for arm, values in arms.items():
            rate = Rate(values["difference"], values["low"], values["high"])
            label = f"{measure.label}: {group}" if group else measure.label
            texts = tuple(measure.shown_difference(value) for value in (rate.mean, rate.low, rate.high))
            worse, better = sorted((rate.low * measure.better, rate.high * measure.better))
            yield Difference(
                metric,
                group,
                arm,
                f"{label}, {arm}" if len(arms) > 1 else label,
                rate,
                texts,  # type: ignore[arg-type]  # exactly three
                "good" if worse > 0 else "bad" if better < 0 else "still",
            )


def _rest(result: Mapping[str, Any]) -> Iterator[tuple[str, float | str]]:
    for name, value in (*result.items(), *result.get("contexts", {}).items()):
        if name not in SHOWN_ELSEWHERE and isinstance(value, int | float | str) and not isinstance(value, bool):
            yield name, value
