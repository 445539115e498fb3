"""The design of an experiment: what is compared, how often one looks, and what a person may lose.

A device sends once, at one of the looks; so the looks are of different devices, a person's ε is that of one vector,
and each look is independent of the earlier ones. Each look adds noise of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from keyart.campaigns import (
    DEVICES_SHARE,
    HONEST_FRACTION,
    MAX_ARMS,
    MAX_TEXT_CHARACTERS,
    ExperimentRequest,
    MetricRequest,
    Offer,
    is_valid_group,
)
from keyart.dp import UNITS, integer_norm
from keyart.errors import SettingError

from ..accounting import noise_for
from .boundary import Boundary
from .device_metrics import ASSUMED, MEASURES, Baseline

FIRST_SHARE = 0.6  # of the metrics' squared norm: the one that decides
MIN_DEVICES_PER_LOOK = 50
MIN_DEVICE_DEVIATIONS = (
    2.5  # of the noise, that an arm's devices are to measure at a look; a plan asks for three times it
)
BITS = 64


@dataclass(frozen=True)
class Experiment:
    """The design of an experiment.

    Attributes:
        name: Name by which the app draws a device's arm.
        devices: Number of devices that will answer, of all arms.
        metrics: Baseline of each metric, by name; the first metric decides.
        arms: Names of the arms; the first is the control.
        days: Days from the start to the last look.
        first_day: Day of the first look.
        looks: Number of interim analyses.
        margin: Smallest effect worth having, as a share of the first metric's mean.
        tolerance: Share of its mean by which a guard metric may get worse.
        epsilon: ε limit per user, for all of the experiment.
        delta: δ that belongs to it.
        level: Probability that an interval is ever wrong.
        group: Kind of the groups.
        groups: Values of that kind.
        most_decisions: Number of a device's latest decisions that count.
        threshold: Share of a look's devices that must stay to the end.
        honest_fraction: Share of these whose noise counts, as in `keyart.campaigns.Offer`.

    Raises:
        SettingError: A value is out of range, or noise would drown a look.
    """

    name: str
    devices: int
    metrics: Mapping[str, Baseline] = field(default_factory=lambda: dict(ASSUMED))
    arms: tuple[str, ...] = ("control", "treatment")
    days: int = 21
    first_day: int = 7
    looks: int = 8
    margin: float = 0.02
    tolerance: float = 0.02
    epsilon: float = 1.0
    delta: float = 1e-6
    level: float = 0.05
    group: str = ""
    groups: tuple[str, ...] = ()
    most_decisions: int = 400
    threshold: float = 0.8
    honest_fraction: float = HONEST_FRACTION

    def __post_init__(self) -> None:
        if not self.metrics or not set(self.metrics) <= set(MEASURES):
            raise SettingError(f"Metrics are among {', '.join(MEASURES)}; the first decides.")
        if not 2 <= len(set(self.arms)) == len(self.arms) <= MAX_ARMS:
            raise SettingError(f"An experiment has 2 to {MAX_ARMS} arms with different names.")
        if not self.name or "/" in self.name:
            raise SettingError(f"The name {self.name!r} cannot be used; give a word without a slash.")
        if self.group and not is_valid_group(self.group, self.groups):
            raise SettingError(
                f"Devices are not told apart by {self.group!r}: {', '.join(self.groups) or 'no values'}. Name up to "
                "16 values of one kind that is not sensitive (health, religion …)."
            )
        if len(self.question().topic) > MAX_TEXT_CHARACTERS or not self.question().topic.isprintable():
            raise SettingError(f"Name and groups together are plain text of up to {MAX_TEXT_CHARACTERS} characters.")
        if not 1 <= self.first_day <= self.days or not 1 <= self.looks <= self.days - self.first_day + 1:
            raise SettingError(
                f"{self.looks} looks from day {self.first_day} to day {self.days} cannot be; one a day at most."
            )
        shares = (self.margin, self.tolerance, self.level, self.delta)
        if not all(0 < share < 1 for share in shares) or not (math.isfinite(self.epsilon) and self.epsilon > 0):
            raise SettingError("Margin, tolerance, level and delta are between 0 and 1, and epsilon is above 0.")
        if not 0 < self.honest_fraction <= 1:
            raise SettingError(f"honest_fraction is {self.honest_fraction}; it must be above 0 and at most 1.")
        if not 0.5 < self.threshold <= 1 or self.most_decisions < 1:
            raise SettingError("The threshold is above .5 and at most 1, and most_decisions is 1 or more.")
        if self.devices < self.fewest_a_look * self.looks:
            raise SettingError(
                f"{self.devices:,} devices in {self.looks} look{'s' if self.looks > 1 else ''} are too few: at ε = "
                f"{self.epsilon:g} a look needs {self.fewest_a_look}, or noise drowns it. Look less often, ask more "
                "devices, or allow a larger ε."
            )

    @property
    def first(self) -> str:
        """The metric that decides."""
        return next(iter(self.metrics))

    @property
    def look_days(self) -> tuple[int, ...]:
        """The days after the start on which each look's devices are asked."""
        return tuple(np.linspace(self.first_day, self.days, self.looks).round().astype(int).tolist())

    def question(self, thetas: Sequence[float] | None = None) -> ExperimentRequest:
        """Return the question to a look's devices.

        Args:
            thetas: Coefficient of the past that is subtracted, by metric. None for the baselines' correlations.
        """
        rest = (1 - FIRST_SHARE) / max(len(self.metrics) - 1, 1)
        asked = []
        for i, (name, known) in enumerate(self.metrics.items()):
            share = 1.0 if len(self.metrics) == 1 else (rest if i else FIRST_SHARE)
            theta = known.correlation if thetas is None else thetas[i]
            asked.append(MetricRequest(name, share, known.mean, known.reach(MEASURES[name]), theta, known.mean))
        return ExperimentRequest(self.name, len(self.arms), tuple(asked), self.group, self.groups)

    @property
    def noise_multiplier(self) -> float:
        """The standard deviation of the noise in one look's sum over the norm of a vector."""
        return _noise(self.epsilon, self.delta, self.question().layout.size)

    @property
    def counted_share(self) -> float:
        """The share of a look's devices whose noise counts."""
        return self.threshold * self.honest_fraction

    @property
    def fewest_a_look(self) -> int:
        """The minimum number of devices of a look, of all arms, for which its sum shows how many there are."""
        layout = self.question().layout
        deviation = self.noise_multiplier * integer_norm(UNITS, layout.size) / UNITS / math.sqrt(self.counted_share)
        loud = len(self.arms) * 3 * MIN_DEVICE_DEVIATIONS * deviation / math.sqrt(DEVICES_SHARE)
        return max(MIN_DEVICES_PER_LOOK, math.ceil(loud))

    def devices_of(self, look: int) -> int:
        """Return the number of devices that are asked at look 0, 1, …"""
        return self.devices // self.looks + (look < self.devices % self.looks)

    def survivors(self, look: int) -> int:
        """Return the number of a look's devices that must stay to the end."""
        return math.ceil(self.threshold * self.devices_of(look))

    def variance(self, look: int) -> int:
        """Return the variance of the noise that each device of a look adds, in integer steps."""
        norm = integer_norm(UNITS, self.question().layout.size)
        return math.ceil((self.noise_multiplier * norm) ** 2 / (self.honest_fraction * self.survivors(look)))

    def offer(self, look: int, thetas: Sequence[float] | None, **about: Any) -> Offer:
        """Return one look's offer.

        Args:
            look: The look, from 0.
            thetas: As in `question`.
            about: campaign, purpose, model_version, feature_spec, since and not_after of the offer.
        """
        question = self.question(thetas)
        return Offer(
            kind="experiment",
            topic=question.topic,
            round=look + 1,
            rounds=self.looks,
            size=question.layout.size,
            clip=1.0,
            units=UNITS,
            noise_multiplier=self.noise_multiplier,
            minimum_devices=self.survivors(look),
            honest_fraction=self.honest_fraction,
            threshold_permille=math.floor(1000 * self.threshold),
            bits=BITS,
            epsilon=self.epsilon,
            delta=self.delta,
            most_decisions=self.most_decisions,
            arms=question.arms,
            payload=question.payload,
            **about,
        )

    def expected(self, metric: str, share: float = 1.0, noise: bool = True) -> tuple[float, float]:
        """Return weight and variance of the sum of differences at the end of a comparison, in units of z.

        Args:
            metric: Name of the metric.
            share: Share of the devices, for a group.
            noise: Whether sums are noised.
        """
        known = self.metrics[metric].over((self.first_day + self.days) / 2)
        place, question = self.place(metric), self.question()
        parts = question.layout.parts(question.weights)
        arm, m = parts["arms"], len(question.asked)
        told, squares = (arm[1 + place], arm[1 + m + place]) if share == 1.0 else parts["groups"][1:3]
        n = share * self.devices / self.looks * 2 / len(self.arms)  # of the two arms, a look
        norm = integer_norm(UNITS, question.layout.size) / UNITS
        loud = (self.noise_multiplier * norm) ** 2 / self.counted_share if noise else 0.0
        spread = (known.deviation / question.asked[place].reach) ** 2 * (1 - known.correlation**2)
        spread += math.sqrt(2 * self.looks * loud) / squares / (self.looks * n)  # as `analysis` is on the safe side
        return self.looks * n, self.looks * (4 * n * spread + 8 * loud / told**2)

    def place(self, metric: str) -> int:
        """Return the place of a metric in the question."""
        return list(self.metrics).index(metric)

    def boundary(self, metric: str, share: float = 1.0) -> Boundary:
        """Return the boundary of one arm against the first; several arms share the level."""
        return Boundary.best_at(self.expected(metric, share)[1], self.level / (len(self.arms) - 1))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        known = {name: {k: getattr(b, k) for k in b.__dataclass_fields__} for name, b in self.metrics.items()}
        return {**plain, "metrics": known, "arms": list(self.arms), "groups": list(self.groups)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Experiment:
        """Return the experiment of `to_dict`. Raises SettingError, TypeError, KeyError, ValueError for others."""
        known = {name: Baseline(**values) for name, values in document["metrics"].items()}
        texts = {name: tuple(document[name]) for name in ("arms", "groups")}
        return cls(**{**document, "metrics": known, **texts})


@lru_cache(maxsize=32)
def _noise(epsilon: float, delta: float, size: int) -> float:
    return noise_for(epsilon, delta, 1, l2=integer_norm(UNITS, size), dimension=size)
