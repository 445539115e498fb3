"""An experiment: what is compared, on how many devices, how often one looks, and what a person may lose by it.

A device hands in once, at one of the looks; so the looks are of different devices, a person's ε is that of one
vector, and what a look adds is independent of what was there. Each look adds noise of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from keyart.campaigns.kinds.experiment import DEVICES_SHARE, ExperimentRequest, MetricRequest, is_valid_group
from keyart.campaigns.offer import MAX_ARMS, MAX_TEXT_CHARACTERS, Offer
from keyart.dp.clip import UNITS, integer_norm
from keyart.errors import SettingError

from ..accounting import noise_for
from .boundary import Boundary
from .measures import ASSUMED, MEASURES, Baseline

FIRST_SHARE = 0.6  # of the metrics' squared norm: the one that decides
ROUNDING = 0.25  # the most that rounding by chance adds to the variance of an integer, a device
FEWEST_A_LOOK = 50
LEAST_DEVIATIONS = 2.5  # of the noise, that an arm's devices are to measure at a look; a plan asks for three times it
BITS = 64


@dataclass(frozen=True)
class Experiment:
    """metrics: by name, what is known of each; the first decides. arms: their names, the first is what there is now.
    devices: that will answer, of all arms. days: from the start to the last look. first_day: of the first look.
    margin: the smallest effect worth having, as a share of the first metric's mean. tolerance: by what share of its
    mean a guard may get worse. epsilon, delta: of a person, for all of it. level: chance that an interval is ever
    wrong. group, groups: kind and values that tell devices apart. most_decisions: the latest so many of a device
    count. threshold: share of a look's devices that the noise counts on. Raises SettingError.
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
        """Days after the start on which one look's devices are asked."""
        return tuple(np.linspace(self.first_day, self.days, self.looks).round().astype(int).tolist())

    def question(self, thetas: Sequence[float] | None = None) -> ExperimentRequest:
        """thetas: by metric, what of the past is taken off; None: what the baselines say."""
        rest = (1 - FIRST_SHARE) / max(len(self.metrics) - 1, 1)
        asked = []
        for i, (name, known) in enumerate(self.metrics.items()):
            share = 1.0 if len(self.metrics) == 1 else (rest if i else FIRST_SHARE)
            theta = known.correlation if thetas is None else thetas[i]
            asked.append(MetricRequest(name, share, known.mean, known.reach(MEASURES[name]), theta, known.mean))
        return ExperimentRequest(self.name, len(self.arms), tuple(asked), self.group, self.groups)

    @property
    def noise_multiplier(self) -> float:
        """Of one look's sum: deviation of the noise over the norm of a vector."""
        return _noise(self.epsilon, self.delta, self.question().layout.size)

    @property
    def fewest_a_look(self) -> int:
        """Devices, of all arms, of which a look can tell how many there are."""
        layout = self.question().layout
        deviation = self.noise_multiplier * integer_norm(UNITS, layout.size) / UNITS / math.sqrt(self.threshold)
        loud = len(self.arms) * 3 * LEAST_DEVIATIONS * deviation / math.sqrt(DEVICES_SHARE)
        return max(FEWEST_A_LOOK, math.ceil(loud))

    def devices_of(self, look: int) -> int:
        """How many are asked at look 0, 1, …"""
        return self.devices // self.looks + (look < self.devices % self.looks)

    def survivors(self, look: int) -> int:
        """How many of them the noise counts on."""
        return math.ceil(self.threshold * self.devices_of(look))

    def variance(self, look: int) -> int:
        """Of the noise that each device adds, in integer steps."""
        norm = integer_norm(UNITS, self.question().layout.size)
        return math.ceil((self.noise_multiplier * norm) ** 2 / self.survivors(look))

    def offer(self, look: int, thetas: Sequence[float] | None, **about: Any) -> Offer:
        """One look's offer. about: campaign, purpose, model_version, feature_spec, since and not_after."""
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
        """Weight and variance of the sum of differences that a comparison of two arms will have come to at the end.
        share: of the devices, for a group. noise: whether there is any. In units of z: see `analysis.compare`."""
        known = self.metrics[metric].over((self.first_day + self.days) / 2)
        place, question = self.place(metric), self.question()
        parts = question.layout.parts(question.weights)
        arm, m = parts["arms"], len(question.asked)
        told, squares = (arm[1 + place], arm[1 + m + place]) if share == 1.0 else parts["groups"][1:3]
        n = share * self.devices / self.looks * 2 / len(self.arms)  # of the two arms, a look
        norm = integer_norm(UNITS, question.layout.size) / UNITS
        loud = (self.noise_multiplier * norm) ** 2 / self.threshold if noise else 0.0
        spread = (known.deviation / question.asked[place].reach) ** 2 * (1 - known.correlation**2)
        spread += math.sqrt(2 * self.looks * loud) / squares / (self.looks * n)  # as `analysis` is on the safe side
        return self.looks * n, self.looks * (4 * n * spread + 8 * loud / told**2)

    def place(self, metric: str) -> int:
        """Of a metric in the question."""
        return list(self.metrics).index(metric)

    def boundary(self, metric: str, share: float = 1.0) -> Boundary:
        """For one arm against the first; several arms share the level."""
        return Boundary.best_at(self.expected(metric, share)[1], self.level / (len(self.arms) - 1))

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        known = {name: {k: getattr(b, k) for k in b.__dataclass_fields__} for name, b in self.metrics.items()}
        return {**plain, "metrics": known, "arms": list(self.arms), "groups": list(self.groups)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Experiment:
        """Inverse of `to_dict`. Raises SettingError, TypeError, KeyError, ValueError for anything else."""
        known = {name: Baseline(**values) for name, values in document["metrics"].items()}
        texts = {name: tuple(document[name]) for name in ("arms", "groups")}
        return cls(**{**document, "metrics": known, **texts})


@lru_cache(maxsize=32)
def _noise(epsilon: float, delta: float, size: int) -> float:
    return noise_for(epsilon, delta, 1, l2=integer_norm(UNITS, size), dimension=size)
