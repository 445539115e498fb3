"""Doubly robust estimates with smaller weights: less scatter, and a bias where the predicted rewards are wrong.

Y.-X. Wang, A. Agarwal and M. Dudík, "Optimal and adaptive off-policy evaluation in contextual bandits", ICML 2017
("switch": beyond a threshold the prediction alone counts). Y. Su, M. Dimakopoulou, A. Krishnamurthy and M. Dudík,
"Doubly robust off-policy evaluation with shrinkage", ICML 2020 ("optimistic", "pessimistic").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Literal

import numpy as np

from keyart.errors import SettingError

from ..types import Doubles
from .decisions import Decisions, Groups, Values
from .estimators import dr_ratio
from .overlap import Overlap
from .ratio import Estimate

Form = Literal["switch", "optimistic", "pessimistic"]
FORMS: Final[Mapping[Form, Callable[[Doubles, float], Doubles]]] = {
    "switch": lambda w, threshold: np.where(w <= threshold, w, 0.0),
    "optimistic": lambda w, threshold: w * threshold / (w**2 + threshold),
    "pessimistic": np.minimum,
}
# Standard errors of a bias, added to it. On the worlds of `examples/off_policy.py`, 0 takes a third of the error from
# logs of 500 decisions and adds up to a fifth to those of 10,000; with 1 hardly anything is ever shrunk.
WARY: Final = 0.5
TRIED: Final = 25  # thresholds, spread over the log's own weights


def shrunk(
    rewards: Values,
    propensities: Values,
    target_probabilities: Values,
    predicted_shown: Values,
    predicted_target: Values,
    *,
    form: Form = "optimistic",
    threshold: float | None = None,
    groups: Groups | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the estimate of `dr` with weights made smaller beyond a threshold.

    Only the value differs from that of `dr`. Standard error, effective decisions and interval are those of `dr`:
    what is left out is a bias that nobody knows, and no interval without it would hold. Raises as `dr` does.

    Args:
        rewards: As in `dr`, like the next four, [n].
        propensities: Probabilities with which the artworks were drawn.
        target_probabilities: Probabilities of the same artworks under the policy.
        predicted_shown: Predicted rewards of the artworks shown.
        predicted_target: Expected predicted rewards of the policy.
        form: Form of the shrinkage.
        threshold: The threshold. None for the one with the smallest estimated error.
        groups: Device of each decision, [n].
        level: Level of the interval.
    """
    log = Decisions.of(rewards, propensities, target_probabilities, predicted_shown, predicted_target, groups)
    Overlap.of(log).require()
    return shrunk_estimate(log, form, threshold, level)


def shrunk_estimate(
    log: Decisions, form: Form = "optimistic", threshold: float | None = None, level: float = 0.95
) -> Estimate:
    """Return the estimate of `shrunk` for a log, without a check of the overlap. Raises SettingError."""
    if form not in FORMS or not (threshold is None or threshold > 0):
        raise SettingError(f"{form!r} at {threshold} shrinks no weights; use one of {', '.join(FORMS)} above 0.")
    shrink, residual = FORMS[form], log.reward - log.predicted_shown
    if threshold is None:
        threshold = min(
            _thresholds(log, form), key=lambda tried: _squared_error(log, residual, shrink(log.weight, tried))
        )
    value = float((log.predicted_target + shrink(log.weight, threshold) * residual).mean())
    whole = dr_ratio(log).estimate(level)
    return replace(whole, value=value, low=min(whole.low, value), high=max(whole.high, value))


def _thresholds(log: Decisions, form: Form) -> Doubles:
    """Return the thresholds to try. The last one changes no weight, or hardly any."""
    weights = np.unique(log.weight[log.weight > 0])
    tried = np.quantile(weights, np.linspace(0, 1, TRIED))
    return np.append(tried**2, 1e6 * tried[-1] ** 2) if form == "optimistic" else tried


def _squared_error(log: Decisions, residual: Doubles, weight: Doubles) -> float:
    """Return the estimated bias² and variance.

    The effect of the removed weights is known from the same few decisions that are left out, and looks small where
    they happened to earn nothing; so some of its own error is added.
    """
    lost, kept = (log.weight - weight) * residual, log.predicted_target + weight * residual
    bias = abs(float(lost.mean())) + WARY * _error(log, lost)
    return bias**2 + _error(log, kept) ** 2


def _error(log: Decisions, term: Doubles) -> float:
    """Return the standard error of the mean of a term [n]."""
    return math.sqrt(float((log.by_unit(term - term.mean()) ** 2).sum())) / len(term)
