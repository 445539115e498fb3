"""What a policy would have earned, from decisions that another one made.

Arrays have one entry a decision: the reward r, the propensity p with which the picture was drawn, the policy's
probability π of the same picture; w = π / p. groups: the device of each decision, where one has several: they depend
on each other, and the interval is then over devices.

All raise InputError for arrays that are not such, NoOverlap where the log shows too little of what the policy
would show (`overlap`), SettingError for a level that is none.
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
    """Σ w r / n: inverse propensity scoring (D. G. Horvitz and D. J. Thompson, "A generalization of sampling without
    replacement from a finite universe", JASA 47, 1952). Without bias, and the widest."""
    return _answered(ips_ratio, Decisions.of(rewards, propensities, target_probabilities, groups=groups), level)


def snips(
    rewards: Values,
    propensities: Values,
    target_probabilities: Values,
    *,
    groups: Groups | None = None,
    level: float = 0.95,
) -> Estimate:
    """Σ w r / Σ w: self-normalised (A. Swaminathan and T. Joachims, "The self-normalized estimator for counterfactual
    learning", NeurIPS 2015, eq. 7)."""
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
    """Σ m + w (r − q) / n: doubly robust (M. Dudík, J. Langford and L. Li, "Doubly robust policy evaluation and
    learning", ICML 2011). q, predicted_shown [n]: a model's reward of the picture shown; m, predicted_target
    [n]: Σ π q over all candidates; None: q is of the decision, whatever is shown, so that m is q. The model must not
    have learned from these rewards."""
    expected = predicted_shown if predicted_target is None else predicted_target
    log = Decisions.of(rewards, propensities, target_probabilities, predicted_shown, expected, groups)
    return _answered(dr_ratio, log, level)


def ips_ratio(log: Decisions) -> Ratio:
    """Of `ips`. It answers without asking first: `Overlap.of(log).require()`."""
    nothing = np.zeros(len(log.reward))
    return log.ratio(nothing, log.weight, nothing, nothing + 1)


def snips_ratio(log: Decisions) -> Ratio:
    """Of `snips`, unasked."""
    nothing = np.zeros(len(log.reward))
    return log.ratio(nothing, log.weight, nothing, log.weight)


def dr_ratio(log: Decisions) -> Ratio:
    """Of `dr`, unasked."""
    return log.ratio(log.predicted_target, log.weight, log.predicted_shown, np.ones(len(log.reward)))


def _answered(of: Callable[[Decisions], Ratio], log: Decisions, level: float) -> Estimate:
    Overlap.of(log).require()
    return of(log).estimate(level)
