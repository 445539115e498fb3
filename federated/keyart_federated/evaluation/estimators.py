"""Off-policy estimators: what a policy would have earned, from decisions that another one made.

Arrays have one entry a decision: the reward r, the propensity p with which the artwork was drawn, and the policy's
probability π of the same artwork; w = π / p. `groups` is the device of each decision, where one has several: they
depend on each other, and the interval is then over devices.

All estimators raise InputError for wrong arrays, NoOverlap where the log shows too little of what the policy would
show (`overlap`), and SettingError for a level that is out of range.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .decisions import Decisions, Groups, Values
from .overlap import Overlap
from .ratio import Estimate, Ratio


def ips(
    rewards: Values,
    propensities: Values,
    target_probabilities: Values,
    *,
    groups: Groups | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return Σ w r / n, inverse propensity scoring. It has no bias, and the widest interval.

    D. G. Horvitz and D. J. Thompson, "A generalization of sampling without replacement from a finite universe",
    JASA 47, 1952.
    """
    return _answered(ips_ratio, Decisions.of(rewards, propensities, target_probabilities, groups=groups), level)


def snips(
    rewards: Values,
    propensities: Values,
    target_probabilities: Values,
    *,
    groups: Groups | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return Σ w r / Σ w, the self-normalised estimate.

    A. Swaminathan and T. Joachims, "The self-normalized estimator for counterfactual learning", NeurIPS 2015, eq.
    7.
    """
    return _answered(snips_ratio, Decisions.of(rewards, propensities, target_probabilities, groups=groups), level)


def dr(
    rewards: Values,
    propensities: Values,
    target_probabilities: Values,
    predicted_shown: Values,
    predicted_target: Values | None = None,
    *,
    groups: Groups | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return Σ m + w (r − q) / n, the doubly robust estimate.

    M. Dudík, J. Langford and L. Li, "Doubly robust policy evaluation and learning", ICML 2011. The model of rewards
    must not have learned from these rewards.

    Args:
        rewards: r, [n].
        propensities: p, [n].
        target_probabilities: π, [n].
        predicted_shown: q, a model's reward of the artwork shown, [n].
        predicted_target: m, Σ π q over all candidates, [n]. None if q is of the decision, whatever is shown:
            then m is q.
        groups: Device of each decision, [n].
        level: Level of the interval.
    """
    expected = predicted_shown if predicted_target is None else predicted_target
    log = Decisions.of(rewards, propensities, target_probabilities, predicted_shown, expected, groups)
    return _answered(dr_ratio, log, level)


def ips_ratio(log: Decisions) -> Ratio:
    """Return the ratio of `ips`, without a check of the overlap (`Overlap.of(log).require()`)."""
    nothing = np.zeros(len(log.reward))
    return log.ratio(nothing, log.weight, nothing, nothing + 1)


def snips_ratio(log: Decisions) -> Ratio:
    """Return the ratio of `snips`, without a check of the overlap."""
    nothing = np.zeros(len(log.reward))
    return log.ratio(nothing, log.weight, nothing, log.weight)


def dr_ratio(log: Decisions) -> Ratio:
    """Return the ratio of `dr`, without a check of the overlap."""
    return log.ratio(log.predicted_target, log.weight, log.predicted_shown, np.ones(len(log.reward)))


def _answered(of: Callable[[Decisions], Ratio], log: Decisions, level: float) -> Estimate:
    Overlap.of(log).require()
    return of(log).estimate(level)
