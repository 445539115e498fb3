"""Metrics of choices by the world's own expected rewards. Reports use them, and no learner does.

Capture is the normalised policy value, (policy − random) / (oracle − random), on the same impressions. Intervals
are 95 %, over devices: ratios of sums by linearisation (Cochran 1977, "Sampling techniques", eq. 6.13), since
devices are independent and their impressions are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .types import Doubles, Floats, Ints, SmallInts
from .world import World, batched

Z95 = 1.959964


@dataclass(frozen=True)
class MetricEstimate:
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class WorldTruth:
    """Expected rewards of a world's impressions.

    Attributes:
        reward: Expected reward by artwork of the title, [devices, impressions, A]; NaN where a title has fewer
            artworks.
        title: Place of the title in the catalogue, [devices, impressions].
        best_fixed: Best single artwork of each title, counted from 0, [titles].
        first: Place of each title's first artwork in the catalogue, and the number of artworks, [titles + 1].
    """

    reward: Floats
    title: SmallInts
    best_fixed: Ints
    first: Ints

    @classmethod
    def measure(
        cls, world: World, impressions: int, progress: Callable[[float], None] = lambda _: None
    ) -> WorldTruth:
        """Ask a world for every expected reward.

        Args:
            world: The world.
            impressions: Number of impressions of each device.
            progress: Called with the share that is done.

        Raises:
            WorldError: The world breaks its protocol.
        """
        catalog, answers, everyone = world.catalog, batched(world), np.arange(world.devices)
        width = max(len(title.artworks) for title in catalog)
        reward = np.empty((world.devices, impressions, width), dtype=np.float32)
        titles = np.empty((world.devices, impressions), dtype=np.int32)
        for k in range(impressions):
            titles[:, k] = answers.impression_batch(everyone, k).titles
            reward[:, k] = answers.expected_reward_batch(everyone, k)
            progress((k + 1) / impressions)
        sums = np.zeros((len(catalog), width))
        np.add.at(sums, titles.ravel(), np.nan_to_num(reward.reshape(-1, width), nan=-1.0).astype(np.float64))
        counts = np.array([len(title.artworks) for title in catalog], dtype=np.intp)
        return cls(reward, titles, sums.argmax(axis=1), np.concatenate([[0], np.cumsum(counts)]).astype(np.intp))


@dataclass(frozen=True)
class Values:
    """Mean expected reward of each device's impressions, [devices] each."""

    policy: Doubles
    random: Doubles
    best_fixed: Doubles
    oracle: Doubles


@dataclass(frozen=True)
class Rewards:
    """Expected rewards of impressions, [devices, impressions] each.

    Attributes:
        policy: Reward of the artwork that was shown.
        random: Mean reward of the title's artworks.
        best_fixed: Reward of the title's best fixed artwork.
        oracle: Largest reward of the title's artworks.
    """

    policy: Doubles
    random: Doubles
    best_fixed: Doubles
    oracle: Doubles

    def means(self, window: slice = slice(None)) -> Values:
        """Return each device's means over a window of impressions."""
        return Values(*(x[:, window].mean(axis=1) for x in (self.policy, self.random, self.best_fixed, self.oracle)))


def rewards(truth: WorldTruth, shown: SmallInts, window: slice = slice(None)) -> Rewards:
    """Return the expected rewards of shown artworks and of their references.

    An impression in which no artwork may be shown has the reward 0, also that of its references.

    Args:
        truth: The world's expected rewards.
        shown: Place in the catalogue of the artworks that were shown, [devices, impressions]; −1 where none was.
        window: Impressions that count.
    """
    reward, title = truth.reward[:, window], truth.title[:, window]
    made = shown[:, window] >= 0
    local = np.where(made, shown[:, window] - truth.first[title], 0)[..., None]
    fixed = truth.best_fixed[title][..., None]
    pictures = np.diff(truth.first)[title]
    of = Rewards(
        policy=np.take_along_axis(reward, local, axis=2)[..., 0].astype(np.float64),
        random=np.nansum(reward, axis=2, dtype=np.float64) / pictures,
        best_fixed=np.take_along_axis(reward, fixed, axis=2)[..., 0].astype(np.float64),
        oracle=np.fmax.reduce(reward, axis=2).astype(np.float64),
    )
    return of if made.all() else Rewards(*(np.where(made, values, 0.0) for values in vars(of).values()))


def values(truth: WorldTruth, shown: SmallInts, window: slice = slice(None)) -> Values:
    """Return each device's means of `rewards`."""
    return rewards(truth, shown, window).means()


def figures(of: Rewards) -> dict[str, MetricEstimate]:
    """Return the metrics of a policy's choices in a report, by name."""
    impressions = of.policy.shape[1]
    whole, last = of.means(), of.means(slice(impressions * 3 // 4, impressions))
    return {
        "policy_value": mean(whole.policy),
        "random_value": mean(whole.random),
        "best_fixed_value": mean(whole.best_fixed),
        "oracle_value": mean(whole.oracle),
        "capture": capture(whole, whole.policy),
        "best_fixed_capture": capture(whole, whole.best_fixed),
        "lift_over_random": minus_one(ratio(whole.policy, whole.random)),
        "lift_over_best_fixed": minus_one(ratio(whole.policy, whole.best_fixed)),
        "last_quarter_value": mean(last.policy),
        "last_quarter_capture": capture(last, last.policy),
    }


def mean(x: Doubles) -> MetricEstimate:
    """Return the mean over devices."""
    return ratio(x, np.ones_like(x))


def ratio(numerator: Doubles, denominator: Doubles) -> MetricEstimate:
    """Return Σ numerator / Σ denominator over devices; 0 with an empty interval where the denominator is 0."""
    total = denominator.sum()
    if abs(total) < 1e-12:
        return MetricEstimate(0.0, 0.0, 0.0)
    r = float(numerator.sum() / total)
    n = len(numerator)
    if n < 2:
        return MetricEstimate(r, -math.inf, math.inf)
    residual = numerator - r * denominator
    half = Z95 * math.sqrt(n / (n - 1) * float((residual**2).sum())) / abs(float(total))
    return MetricEstimate(r, r - half, r + half)


def capture(v: Values, of: Doubles) -> MetricEstimate:
    """Return the capture of a policy whose device means are `of`."""
    return ratio(of - v.random, v.oracle - v.random)


def minus_one(estimate: MetricEstimate) -> MetricEstimate:
    """Return a ratio of two values as a lift."""
    return MetricEstimate(estimate.value - 1, estimate.low - 1, estimate.high - 1)
