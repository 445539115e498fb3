"""Results of rounds, prepared for display: rates, differences, verdicts and other values. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from keyart_federated.experiments.device_metrics import MEASURES

ALL: Final = "all"  # the segment of all devices
# Values that are displayed elsewhere or add nothing to the rest.
SHOWN_ELSEWHERE: Final = frozenset(
    {"used", "segments", "metrics", "groups", "verdicts", "decided", "looks", "rate", "low", "high", "contexts"}
)


@dataclass(frozen=True, slots=True)
class Rate:
    """A mean and its interval. The intervals of a campaign's rates hold simultaneously over rounds."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of an arm's metric from that of the control arm.

    Attributes:
        rate: the numbers.
        texts: mean, low and high with their unit.
        tone: whether an interval without zero is an improvement.
    """

    label: str
    rate: Rate
    texts: tuple[str, str, str]
    tone: Literal["good", "bad", "still"]


@dataclass(frozen=True, slots=True)
class VerdictText:
    """The verdict about one arm of an experiment."""

    arm: str
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class ResultView:
    """The result of a round, for display.

    Attributes:
        rates: rates by segment.
        rest: other values by name; the reason, if the sum could not be used.
    """

    rates: Mapping[str, Rate]
    differences: tuple[Difference, ...]
    verdicts: tuple[VerdictText, ...]
    rest: Mapping[str, float | str]

    @property
    def main_rate(self) -> Rate | None:
        """Return the rate of all devices, else the first rate, else None."""
        return self.rates.get(ALL) or next(iter(self.rates.values()), None)

    @property
    def shows(self) -> bool:
        """Tell whether there is anything to display; comparisons of releases are displayed with the release."""
        return bool(self.rates or self.differences or self.verdicts or self.rest)


def parse_result_json(text: str) -> ResultView:
    """Parse the JSON result of a round's row."""
    return parse_result(json.loads(text))


def parse_result(result: Mapping[str, Any]) -> ResultView:
    """Parse the result of a round."""
    verdicts = tuple(
        VerdictText(arm, verdict["word"], verdict["text"]) for arm, verdict in result.get("verdicts", {}).items()
    )
    return ResultView(dict(_rates(result)), tuple(_differences(result)), verdicts, dict(_rest(result)))


def _rates(result: Mapping[str, Any]) -> Iterator[tuple[str, Rate]]:
    """Yield rates by segment, or that of an evaluated model. Rates drowned by noise have no numbers."""
    for name, values in result.get("segments", {}).items():
        if isinstance(values, Mapping) and values.get("rate") is not None:
            yield name, Rate(values["rate"], values["low"], values["high"])
    if "rate" in result:
        yield f"model {result['version']}", Rate(result["rate"], result["low"], result["high"])


def _differences(result: Mapping[str, Any]) -> Iterator[Difference]:
    main_metric = next(iter(result.get("metrics", {})), "")
    named = [(name, name, arms) for name, arms in result.get("metrics", {}).items()]
    named += [(main_metric, f"{main_metric}: {group}", arms) for group, arms in result.get("groups", {}).items()]
    for metric, name, arms in named:
        measure = MEASURES[metric]
        for arm, values in arms.items():
            rate = Rate(values["difference"], values["low"], values["high"])
            label = name.replace(metric, measure.label)
            texts = tuple(
                measure.shown(value, signed=True).replace("-", "−") for value in (rate.mean, rate.low, rate.high)
            )
            worse, better = sorted((rate.low * measure.better, rate.high * measure.better))
            yield Difference(
                f"{label}, {arm}" if len(arms) > 1 else label,
                rate,
                texts,  # type: ignore[arg-type]  # exactly three
                "good" if worse > 0 else "bad" if better < 0 else "still",
            )


def _rest(result: Mapping[str, Any]) -> Iterator[tuple[str, float | str]]:
    for name, value in (*result.items(), *result.get("contexts", {}).items()):
        if name not in SHOWN_ELSEWHERE and isinstance(value, int | float | str) and not isinstance(value, bool):
            yield name, value
