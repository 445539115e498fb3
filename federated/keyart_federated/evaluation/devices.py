"""The estimate of a private sum, from logs in one place: what devices would tell together, had they sent all."""

from __future__ import annotations

from typing import Final

import numpy as np

from keyart.campaigns.kinds.evaluation import MAX_IMPORTANCE_WEIGHT
from keyart.errors import NoOverlap

from .decisions import Decisions, Groups, Values
from .ratio import Estimate

LEAST_WEIGHT: Final = 0.2  # mean w, expected to be 1: below, the log shows little of what the candidate would


def by_device(
    rewards: Values,
    propensities: Values,
    target_probabilities: Values,
    devices: Groups,
    *,
    level: float = 0.95,
) -> Estimate:
    """Σ b / Σ a over devices, of a device's mean weight a and mean weighted reward b: each device counts alike,
    however many decisions it has, and weights are cut at `MAX_WEIGHT`, since a sum bounds what one device adds.

    devices [n]: that of each decision. `keyart_federated.campaigns.evaluation.estimate` finds the same value,
    standard error and effective devices in a sum without noise. Raises InputError, SettingError, NoOverlap.
    """
    log = Decisions.of(rewards, propensities, target_probabilities, groups=devices)
    alike = 1 / log.by_unit(np.ones(len(log.reward)))[log.unit]
    weight, nothing = np.minimum(log.weight, MAX_IMPORTANCE_WEIGHT) * alike, np.zeros(len(alike))
    mean = float(weight.sum()) / log.units
    if mean < LEAST_WEIGHT:
        raise NoOverlap(hardly_shown(mean))
    return log.ratio(nothing, weight, nothing, weight).estimate(level)


def hardly_shown(mean_weight: float) -> str:
    return (
        f"The mean weight is {mean_weight:.2f} where 1 is expected: devices were hardly shown what the candidate "
        "would show. Raise Policy.exploration for a while, or take a nearer candidate."
    )
