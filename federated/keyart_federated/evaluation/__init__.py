"""Off-policy evaluation: what a policy would have earned, from decisions that another one made.

The package uses the SDK only; campaigns and the tools use it.

ratio                 estimates as ratios of sums over decisions, or over devices
empirical_likelihood  their intervals
decisions             logged decisions, checked
overlap               whether the log can answer at all
estimators            ips, snips, dr; `shrinkage`: dr with smaller weights
device_estimate       the estimate of a private sum, from logs in one place
policy_verdict        all estimates of a log, and what they say about the policy; `chart`: the same, drawn
"""

from .decisions import MAX_REWARD, MIN_PROPENSITY, ROUNDING, Decisions
from .device_estimate import by_device
from .estimators import dr, dr_ratio, ips, ips_ratio, snips, snips_ratio
from .overlap import Overlap
from .policy_verdict import PolicyVerdict
from .ratio import Estimate, Ratio
from .shrinkage import shrunk, shrunk_estimate

__all__ = [
    "MAX_REWARD",
    "MIN_PROPENSITY",
    "ROUNDING",
    "Decisions",
    "Estimate",
    "Overlap",
    "PolicyVerdict",
    "Ratio",
    "by_device",
    "dr",
    "dr_ratio",
    "ips",
    "ips_ratio",
    "shrunk",
    "shrunk_estimate",
    "snips",
    "snips_ratio",
]
