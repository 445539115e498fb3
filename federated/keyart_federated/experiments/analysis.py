"""The analysis of all looks together: effects with intervals that hold at all looks at once, groups and guards.

A look's difference of means compares devices of the same days, so what changes from day to day cancels. The sum of
differences d_j, weighted by numbers of devices n_j, is a sum of independent errors; its variance is that of the
devices and that of the noise:

    V = Σ n_j² (σ² (1/n_1j + 1/n_0j) + τ_z² (1/n_1j² + 1/n_0j²) + τ_n² (z̄_1j²/n_1j² + z̄_0j²/n_0j²))

with σ² the variance of z over devices, from Σ z² less what noise adds, plus one standard deviation of its own
noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keyart.errors import FederatedError

from ..types import Doubles
from .boundary import Boundary
from .device_metrics import MEASURES
from .experiment_design import Experiment
from .interim_analysis import InterimAnalysis

MISMATCH_LEVEL = 0.001  # chance that arms which are as drawn are called otherwise
MIN_SPREAD = 1e-4  # of z: a metric that is the same everywhere has some


@dataclass(frozen=True)
class ArmComparison:
    """A comparison of an arm with the first, look by look, [K] each, in the metric's unit.

    Attributes:
        metric: Name of the metric.
        arm: Name of the arm.
        days: Days of the looks.
        effect: Differences of means so far.
        low: Lower ends of their confidence sequence.
        high: Upper ends of it.
        control: Means of the first arm so far.
        devices: Devices of both arms so far.
        weight: Weight of the sum of differences at the last look, in units of z (`verdict` looks ahead with
            it).
        variance: Its variance.
        reach: Largest z in the metric's unit.
        boundary: Boundary of the confidence sequence.
    """

    metric: str
    arm: str
    days: Doubles
    effect: Doubles
    low: Doubles
    high: Doubles
    control: Doubles
    devices: Doubles
    weight: float
    variance: float
    reach: float
    boundary: Boundary

    @property
    def now(self) -> tuple[float, float, float]:
        """The effect with its low and high ends at the last look."""
        return float(self.effect[-1]), float(self.low[-1]), float(self.high[-1])

    @property
    def relative(self) -> tuple[float, float, float]:
        """The same as shares of the first arm's mean; not finite where that is about 0."""
        mean = float(self.control[-1])
        scale = abs(mean) if abs(mean) > 1e-6 else math.nan
        return tuple(value / scale for value in self.now)  # type: ignore[return-value]

    @property
    def excludes_zero(self) -> bool:
        """Return whether the interval of the last interim analysis excludes 0."""
        return bool(self.low[-1] > 0 or self.high[-1] < 0)


@dataclass(frozen=True)
class Mismatch:
    """Devices of an arm less those of the first, look by look.

    Attributes:
        arm: Name of the arm.
        difference: Differences so far, [K].
        bound: How far they may be from 0 by chance, [K].
    """

    arm: str
    difference: Doubles
    bound: Doubles

    @property
    def found(self) -> bool:
        """Return whether the difference exceeds chance at any interim analysis: then no comparison means anything."""
        return bool((np.abs(self.difference) > self.bound).any())


@dataclass(frozen=True)
class Analysis:
    """The analysis of an experiment.

    Attributes:
        courses: Comparisons of all devices, by metric and then by arm.
        groups: Comparisons of the first metric by group and then by arm; "others" are devices of no named
            group.
        mismatches: Sample ratio mismatch of each arm but the first.
        devices: Devices by arm, over all looks.
    """

    courses: dict[str, tuple[ArmComparison, ...]]
    groups: dict[str, tuple[ArmComparison, ...]]
    mismatches: tuple[Mismatch, ...]
    devices: tuple[float, ...]

    @property
    def mismatch(self) -> bool:
        """Return whether any arm has another number of devices than drawn."""
        return any(one.found for one in self.mismatches)


@dataclass(frozen=True)
class _Sums:
    """Sums of one comparison, [K] looks by [2] arms; `noise` has variances in n, z and z², [K] each."""

    n: Doubles
    z: Doubles
    zz: Doubles
    noise: tuple[Doubles, Doubles, Doubles]


def analyse(experiment: Experiment, looks: Sequence[InterimAnalysis]) -> Analysis:
    """Return the analysis of an experiment's looks. Raises FederatedError if there is none yet."""
    if not looks:
        raise FederatedError(
            f"Experiment {experiment.name!r} has no look yet; the first is on day {experiment.first_day}."
        )
    days = np.array([look.day for look in looks])
    others = range(1, len(experiment.arms))
    courses = {}
    for m, metric in enumerate(experiment.metrics):
        boundary = experiment.boundary(metric)
        made = [_course(experiment, metric, a, days, _of_metric(looks, m, a), boundary) for a in others]
        courses[metric] = tuple(made)
    groups = {}
    names = (*experiment.groups, "others") if experiment.group else ()
    for g, name in enumerate(names):
        boundary = experiment.boundary(experiment.first, 1 / len(names))
        sums = [_of_group(looks, g, a) for a in others]
        # A group that hardly anybody is in tells nothing.
        if all((one.n.sum(axis=0) > 5 * math.sqrt(one.noise[0].sum())).all() for one in sums):
            made = [
                _course(experiment, experiment.first, a, days, s, boundary) for a, s in zip(others, sums, strict=True)
            ]
            groups[name] = tuple(made)
    devices = np.sum([look.devices for look in looks], axis=0)
    mismatches = tuple(_mismatch(experiment, looks, a) for a in others)
    return Analysis(courses, groups, mismatches, tuple(devices.tolist()))


def _of_metric(looks: Sequence[InterimAnalysis], m: int, arm: int) -> _Sums:
    pair = [0, arm]
    noise = [(look.devices_noise, look.z_noise[m], look.zz_noise[m]) for look in looks]
    return _Sums(
        np.array([look.devices[pair] for look in looks]),
        np.array([look.z[pair, m] for look in looks]),
        np.array([look.zz[pair, m] for look in looks]),
        tuple(np.array(noise).T),
    )


def _of_group(looks: Sequence[InterimAnalysis], g: int, arm: int) -> _Sums:
    told = np.array([look.groups[g][[0, arm]] for look in looks])
    noise = np.array([look.group_noise for look in looks])
    return _Sums(told[..., 0], told[..., 1], told[..., 2], tuple(noise.T))


def _course(
    experiment: Experiment, metric: str, arm: int, days: Doubles, sums: _Sums, boundary: Boundary
) -> ArmComparison:
    asked = experiment.question().asked[experiment.place(metric)]
    noise_n, noise_z, noise_zz = sums.noise
    n = np.maximum(sums.n, 1.0)
    mean = sums.z / n
    weight = n.sum(axis=1)
    total = np.cumsum(weight)
    apart = np.cumsum(weight * (mean[:, 1] - mean[:, 0])) / total
    spread = _spread(n, sums.z, sums.zz, noise_z, noise_zz)
    of_devices = np.cumsum(weight**2 * (1 / n).sum(axis=1))
    of_noise = np.cumsum(weight**2 * (noise_z * (1 / n**2).sum(axis=1) + noise_n * (mean**2 / n**2).sum(axis=1)))
    variance = spread * of_devices + of_noise
    half = boundary.reach(variance) / total
    control = np.cumsum(weight * mean[:, 0]) / total
    return ArmComparison(
        metric=metric,
        arm=experiment.arms[arm],
        days=days,
        effect=apart * asked.reach,
        low=(apart - half) * asked.reach,
        high=(apart + half) * asked.reach,
        control=np.clip(asked.centre + control * asked.reach, 0.0, MEASURES[metric].most),
        devices=total,
        weight=float(total[-1]),
        variance=float(variance[-1]),
        reach=asked.reach,
        boundary=boundary,
    )


def _spread(n: Doubles, z: Doubles, zz: Doubles, noise_z: Doubles, noise_zz: Doubles) -> Doubles:
    """Return the variance of z over devices, within arms and looks, from all looks up to each, [K].

    One standard deviation of its noise is added, so that it is below the truth by chance only.
    """
    devices = np.cumsum(n.sum(axis=1))
    squares = np.cumsum(zz.sum(axis=1))
    between = np.cumsum(((z**2 - noise_z[:, None]) / n).sum(axis=1))
    doubt = np.sqrt(np.cumsum(2 * noise_zz))
    return np.asarray(np.clip((squares - between + doubt) / devices, MIN_SPREAD, 1.0))


def _mismatch(experiment: Experiment, looks: Sequence[InterimAnalysis], arm: int) -> Mismatch:
    """Return a sequential test of the arms' sizes: under the draw the difference is a sum of ±1, and noise."""
    arms = len(experiment.arms)
    each = np.array([look.devices for look in looks])
    difference = np.cumsum(each[:, arm] - each[:, 0])
    noise = np.array([2 * look.devices_noise for look in looks])
    variance = np.cumsum(each.sum(axis=1) * 2 / arms + noise)
    planned = experiment.devices * 2 / arms + float(noise[0]) * experiment.looks
    boundary = Boundary.best_at(planned, MISMATCH_LEVEL / (arms - 1))
    return Mismatch(experiment.arms[arm], difference, boundary.reach(variance))
