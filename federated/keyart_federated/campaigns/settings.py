"""Settings: what a campaign of a kind can be told. What is not told has a default; unknown names are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from keyart.campaigns.offer import MAX_TEXT
from keyart.errors import SettingError
from keyart_federated.experiments import ASSUMED, Baseline, Experiment

from .campaign import Campaign, Kind
from .noise import DELTA, EPSILON
from .rollout_plan import Plan

HELD_OUT: Final = 0.1  # draws below: devices that evaluate and never train (`keyart.client`)
LONGEST_STAGE: Final = 86_400.0  # seconds: a device goes on with no round for more than 7 days
MOST_DEVICES: Final = 1 << 20


def _line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("give one line of text that can be shown")
    return text


Line = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_line)]
Devices = Annotated[int, Field(ge=2, le=MOST_DEVICES)]
Draw = Annotated[float, Field(ge=0, le=1)]
Hours = Annotated[float, Field(gt=0, le=24 * 365)]


class Settings(BaseModel):
    """Of every kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    purpose: Line = Field("Better pictures for everybody.", description="A sentence for the person.")
    minimum_devices: Devices = Field(50, description="That the noise counts on; a round of fewer comes to nothing.")
    threshold_permille: int = Field(
        700, gt=500, le=1000, description="Of a round's devices that must stay to the end."
    )
    patience: float = Field(
        10_800.0, ge=0.1, le=LONGEST_STAGE, description="Seconds that a stage of a round may take."
    )
    hours: float = Field(24.0, ge=0, le=24 * 365, description="From the beginning of a round to that of the next.")
    low: Draw = Field(0.0, description="Devices whose draw is below are not asked.")
    high: Draw = Field(1.0, description="Nor are those whose draw is this or above.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be below high, or nobody is asked")
        return self

    def check(self, epsilon: float, delta: float) -> None:
        """What no single setting shows. Raises SettingError."""


class Cohort(Settings):
    """Of the kinds whose rounds each ask as many devices as will come."""

    wanted: Devices = Field(1000, description="Devices that a round waits for, and the most that it takes.")

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.wanted < self.minimum_devices:
            raise ValueError("wanted must be minimum_devices or more, or no round has enough of them")
        return self


class TrainingSettings(Cohort):
    low: Annotated[float, Field(ge=HELD_OUT, le=1)] = Field(HELD_OUT, description="Draws below are held out.")
    decisions: float = Field(20.0, gt=0, le=1e5, description="That a device makes between two rounds, about.")
    clip: float | None = Field(None, gt=0, le=1e3, description="Share of the expected norm; None: as the cohort is.")
    gates: float = Field(0.25, ge=0, le=0.9, description="Share of ε that is set aside to judge candidates.")
    # A form sends texts.
    stages: tuple[Annotated[float, Field(strict=False)], ...] = Field(
        (0.01, 0.1, 1.0),
        max_length=10,
        description="Shares of all devices that get a candidate, one after the other.",
    )
    stage_hours: float = Field(24.0, ge=0, le=24 * 365, description="At each of these shares.")
    margin: float = Field(0.02, ge=0, le=1, description="The most that the reward a decision may fall.")
    segment_margin: float = Field(0.05, ge=0, le=1, description="The same on a device class or in a daypart.")
    unclear: Literal["hold", "go on"] = Field("hold", description="Where a fall is neither shown nor ruled out.")

    def check(self, epsilon: float, delta: float) -> None:
        _ = self.plan

    @property
    def plan(self) -> Plan:
        """How a candidate reaches the fleet. Raises SettingError."""
        return Plan(self.stages, self.stage_hours, self.margin, self.segment_margin, self.unclear)


class StatisticsSettings(Cohort):
    purpose: Line = Field("Find out what is watched, and how often a picture is right.")
    topic: Literal["rates", "trending", "population"] = Field("rates", description="What is counted.")
    window: Hours = Field(24.0, description="Hours before the round that rates are of.")
    most_decisions: int = Field(400, ge=1, le=100_000, description="Of a device that count, the latest.")


class EvaluationSettings(Cohort):
    purpose: Line = Field("Find out whether a newer model would choose better pictures.")
    version: int = Field(ge=0, le=2**53 - 1, description="Of the bundle that is judged.")
    high: Draw = Field(HELD_OUT, description="Held-out devices judge: no model has learned from them.")
    window: Hours = Field(336.0, description="Hours before the round whose decisions count.")
    most_decisions: int = Field(400, ge=1, le=100_000, description="Of a device that count, the latest.")


class Known(BaseModel):
    """What is known of a metric: see `keyart_federated.experiments.Baseline`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    mean: float
    deviation: float
    correlation: float = 0.0
    days: float = 14.0


class ExperimentSettings(Settings):
    purpose: Line = Field("Compare ways to show pictures.")
    name: Line = Field(description="By which the app draws a device's arm.")
    arms: tuple[Line, ...] = Field(("control", "treatment"), description="The first is what there is now.")
    start: int | None = Field(None, ge=0, le=2**53 - 1, description="Unix seconds; None: when it was created.")
    days: int = Field(21, ge=1, le=365, description="From the start to the last look.")
    first_day: int = Field(7, ge=1, le=365, description="Of the first look.")
    looks: int = Field(8, ge=1, le=100, description="Rounds; each asks devices of its own.")
    devices: Devices = Field(10_000, description="That will answer, of all arms and looks.")
    metrics: tuple[str, ...] | dict[str, Known] = Field(
        ("quality_plays", "abandonment"), description="The first decides; by name, what is known of each."
    )
    margin: float = Field(0.02, description="The smallest effect worth having, as a share of the first metric.")
    tolerance: float = Field(0.02, description="By what share a guard may get worse.")
    group: str = Field("", description="Kind of the groups.")
    groups: tuple[str, ...] = Field((), description="Its values.")
    most_decisions: int = Field(400, ge=1, le=100_000, description="Of a device that count, the latest.")

    def check(self, epsilon: float, delta: float) -> None:
        experiment = self.experiment(epsilon, delta)
        fewest = experiment.survivors(self.looks - 1)
        if fewest < self.minimum_devices:
            raise SettingError(
                f"A look's noise would count on {fewest} devices, and minimum_devices is {self.minimum_devices}. Ask "
                "more devices, or look less often."
            )

    def experiment(self, epsilon: float, delta: float) -> Experiment:
        """Raises SettingError."""
        known = self.metrics
        if not isinstance(known, dict):
            unknown = set(known) - set(ASSUMED)
            if unknown:
                raise SettingError(f"The setting 'metrics': {', '.join(sorted(unknown))}; take {', '.join(ASSUMED)}.")
            metrics = {name: ASSUMED[name] for name in known}
        else:
            metrics = {name: Baseline(**one.model_dump()) for name, one in known.items()}
        return Experiment(
            self.name,
            self.devices,
            metrics,
            self.arms,
            days=self.days,
            first_day=self.first_day,
            looks=self.looks,
            margin=self.margin,
            tolerance=self.tolerance,
            epsilon=epsilon,
            delta=delta,
            group=self.group,
            groups=self.groups,
            most_decisions=self.most_decisions,
            threshold=self.threshold_permille / 1000,
        )


OF_KIND: Final[Mapping[Kind, type[Settings]]] = {
    "training": TrainingSettings,
    "statistics": StatisticsSettings,
    "experiment": ExperimentSettings,
    "evaluation": EvaluationSettings,
}
Some = TypeVar("Some", bound=Settings)


def settings_of(campaign: Campaign, kind: type[Some]) -> Some:
    """A campaign's own. Raises SettingError."""
    return _parsed(campaign.settings, kind)


def checked(kind: Kind, settings: Mapping[str, Any], epsilon: float | None = None, delta: float | None = None) -> str:
    """As a campaign keeps them: JSON of all of them, so that a new default changes no campaign. In the order in which
    they were told: the first of an experiment's metrics decides.

    epsilon, delta: of the campaign. Raises SettingError, with the setting's name and what to do.
    """
    try:
        text = json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SettingError(f"Settings are JSON: texts, finite numbers, lists ({error}).") from None
    found = _parsed(text, OF_KIND[kind])
    found.check(epsilon or EPSILON, delta or DELTA)
    return json.dumps(found.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))


def _parsed(text: str, kind: type[Some]) -> Some:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        every = error.errors(include_url=False, include_context=False, include_input=False)
        found = max(every, key=lambda one: len(one["loc"]))  # of a choice of types the one that was meant
        place = ".".join(str(part) for part in found["loc"] if "[" not in str(part))
        names = ", ".join(kind.model_fields)
        known = f" Settings are {names}." if found["type"] in ("extra_forbidden", "missing") else ""
        said = found["msg"].removeprefix("Value error, ")
        raise SettingError(f"{f'The setting {place!r}' if place else 'The settings'}: {said}.{known}") from None
