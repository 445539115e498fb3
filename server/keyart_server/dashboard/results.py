"""What a round told (`work`), sorted for reading: rates, differences, verdicts, and what is left. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from keyart_federated.experiments.measures import MEASURES

ALL: Final = "all"  # the segment of every device
# What has a place of its own, or says nothing to a person who sees the rest.
SHOWN_ELSEWHERE: Final = frozenset(
    {"used", "segments", "metrics", "groups", "verdicts", "decided", "looks", "rate", "low", "high", "contexts"}
)


@dataclass(frozen=True, slots=True)
class Rate:
    """A mean and its interval. Those of a campaign's rates hold after every round at once."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """An arm's metric less that of the first arm. of: the same as numbers. shown: mean, low and high with their unit.
    tone: of an interval without zero, whether that is better or worse."""

    label: str
    of: Rate
    shown: tuple[str, str, str]
    tone: Literal["good", "bad", "still"]


@dataclass(frozen=True, slots=True)
class ArmVerdict:
    arm: str
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class ResultView:
    """rates: by segment. rest: by name; where the sum was of no use, the reason."""

    rates: Mapping[str, Rate]
    differences: tuple[Difference, ...]
    verdicts: tuple[ArmVerdict, ...]
    rest: Mapping[str, float | str]

    @property
    def first(self) -> Rate | None:
        """Of all devices, or else the first one."""
        return self.rates.get(ALL) or next(iter(self.rates.values()), None)

    @property
    def shows(self) -> bool:
        """Whether there is anything to be read in it; what judges a release is shown with that."""
        return bool(self.rates or self.differences or self.verdicts or self.rest)


def parse_result_json(text: str) -> ResultView:
    """As a round's row has it: JSON."""
    return parse_result(json.loads(text))


def parse_result(result: Mapping[str, Any]) -> ResultView:
    verdicts = tuple(
        ArmVerdict(arm, verdict["word"], verdict["text"]) for arm, verdict in result.get("verdicts", {}).items()
    )
    return ResultView(dict(_rates(result)), tuple(_differences(result)), verdicts, dict(_rest(result)))


def _rates(result: Mapping[str, Any]) -> Iterator[tuple[str, Rate]]:
    """Of segments; of a model that was judged. What the noise drowned has no numbers."""
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
                texts,  # type: ignore[arg-type]  # three of three
                "good" if worse > 0 else "bad" if better < 0 else "still",
            )


def _rest(result: Mapping[str, Any]) -> Iterator[tuple[str, float | str]]:
    for name, value in (*result.items(), *result.get("contexts", {}).items()):
        if name not in SHOWN_ELSEWHERE and isinstance(value, int | float | str) and not isinstance(value, bool):
            yield name, value
