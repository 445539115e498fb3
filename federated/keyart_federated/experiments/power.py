"""The power of an experiment: the effect that devices find, and the devices that an effect needs, noise included."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

from keyart.errors import SettingError

from .boundary import Boundary
from .experiment_design import Experiment

MAX_DEVICES = 1_000_000_000
TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Power:
    """The power of an experiment for a metric.

    Attributes:
        metric: Name of the metric.
        effect: Smallest effect that the last look finds with the requested power, as a share of the metric's
            mean.
        without_noise: The same without noise.
        noise_share: Share of the noise in the variance at the end.
    """

    metric: str
    effect: float
    without_noise: float
    noise_share: float


def detectable(experiment: Experiment, metric: str | None = None, power: float = 0.9) -> Power:
    """Return the smallest effect that an experiment finds. Raises SettingError."""
    if not 0.5 <= power < 1:
        raise SettingError(f"The power is {power}; it is at least .5 and below 1.")
    name = metric or experiment.first
    known = experiment.metrics[name]
    mean = abs(known.mean)
    if not mean:
        raise SettingError(f"The mean of {name} is 0, so that no effect is a share of it; give another baseline.")
    weight, variance = experiment.expected(name)
    _, bare = experiment.expected(name, noise=False)
    reach = experiment.question().asked[experiment.place(name)].reach
    z = NormalDist().inv_cdf(power)
    level = experiment.level / (len(experiment.arms) - 1)

    def effect(v: float) -> float:
        return float(Boundary.best_at(v, level).reach(v) + z * math.sqrt(v)) / weight * reach / mean

    return Power(name, effect(variance), effect(bare), 1 - bare / variance)


def needed(experiment: Experiment, effect: float, power: float = 0.9) -> int:
    """Return the number of devices, of all arms, that finds an effect on the first metric. Raises SettingError.

    Args:
        experiment: The design.
        effect: The effect as a share of the metric's mean.
        power: Probability that it is found.
    """
    if not 0 < effect < math.inf:
        raise SettingError(f"The effect is {effect}; it is above 0, a share of the metric's mean.")

    def found(devices: int) -> bool:
        return detectable(replace(experiment, devices=devices), None, power).effect <= effect

    low = high = experiment.fewest_a_look * experiment.looks
    while not found(high):
        low, high = high, 2 * high
        if high > MAX_DEVICES:
            raise SettingError(
                f"An effect of {effect:.2%} needs more than {MAX_DEVICES:,} devices; look for a larger one."
            )
    while high - low > max(1, TOLERANCE * high):
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high
