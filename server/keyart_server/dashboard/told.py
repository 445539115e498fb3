"""What a round told (`work`), sorted for reading: rates, differences, verdicts, and what is left. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from keyart_federated.experiments.device_metrics import MEASURES

ALL: Final = "all"  # the segment of every device
# What has a place of its own, or says nothing to a person who sees the rest.
PLACED: Final = frozenset(
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
class Verdict:
    arm: str
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """rates: by segment. rest: by name; where the sum was of no use, the reason."""

    rates: Mapping[str, Rate]
    differences: tuple[Difference, ...]
    verdicts: tuple[Verdict, ...]
    rest: Mapping[str, float | str]

    @property
    def first(self) -> Rate | None:
        """Of all devices, or else the first one."""
        return self.rates.get(ALL) or next(iter(self.rates.values()), None)

    @property
    def shows(self) -> bool:
        """Whether there is anything to be read in it; what judges a release is shown with that."""
        return bool(self.rates or self.differences or self.verdicts or self.rest)


def read(text: str) -> Told:
    """As a round's row has it: JSON."""
    return sort(json.loads(text))


def sort(told: Mapping[str, Any]) -> Told:
    verdicts = tuple(Verdict(arm, one["word"], one["text"]) for arm, one in told.get("verdicts", {}).items())
    return Told(dict(_rates(told)), tuple(_differences(told)), verdicts, dict(_rest(told)))


def _rates(told: Mapping[str, Any]) -> Iterator[tuple[str, Rate]]:
    """Of segments; of a model that was judged. What the noise drowned has no numbers."""
    for name, one in told.get("segments", {}).items():
        if isinstance(one, Mapping) and one.get("rate") is not None:
            yield name, Rate(one["rate"], one["low"], one["high"])
    if "rate" in told:
        yield f"model {told['version']}", Rate(told["rate"], told["low"], told["high"])


def _differences(told: Mapping[str, Any]) -> Iterator[Difference]:
    first = next(iter(told.get("metrics", {})), "")
    named = [(name, name, arms) for name, arms in told.get("metrics", {}).items()]
    named += [(first, f"{first}: {group}", arms) for group, arms in told.get("groups", {}).items()]
    for metric, name, arms in named:
        measure = MEASURES[metric]
        for arm, one in arms.items():
            of = Rate(one["difference"], one["low"], one["high"])
            label = name.replace(metric, measure.label)
            shown = tuple(measure.shown(value, signed=True).replace("-", "−") for value in (of.mean, of.low, of.high))
            worse, better = sorted((of.low * measure.better, of.high * measure.better))
            yield Difference(
                f"{label}, {arm}" if len(arms) > 1 else label,
                of,
                shown,  # type: ignore[arg-type]  # three of three
                "good" if worse > 0 else "bad" if better < 0 else "still",
            )


def _rest(told: Mapping[str, Any]) -> Iterator[tuple[str, float | str]]:
    for name, value in (*told.items(), *told.get("contexts", {}).items()):
        if name not in PLACED and isinstance(value, int | float | str) and not isinstance(value, bool):
            yield name, value
