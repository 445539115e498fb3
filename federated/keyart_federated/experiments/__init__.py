"""Experiments without anybody's log: A/B tests, trends and base appeal, from private sums.

The package uses the SDK, `accounting`, `charts` and `learning`; campaigns, simulations and the tools use it.

boundary           confidence sequences: bounds that hold at all times at once
device_metrics     the metrics, and the baseline of each
experiment_design  what is compared, how often one looks, what it costs a person
interim_analysis   a look's noised sum in numbers of devices, and the file that keeps all looks
analysis           effects with their intervals, groups, guards, sample ratio mismatch
verdict            the same in words
effect_chart       an effect over time, as a chart
power              how many devices, how many days; `pilot`: baselines from a first experiment
peeking            error rates of tests that are peeked at, and of verdicts under noise
play_trend         which titles take off today; `appeal`: what everybody sees in a new artwork

`keyart_federated.simulation.experiment_trial` runs an experiment on a World.
"""

from .analysis import Analysis, ArmComparison, analyse
from .boundary import Boundary
from .device_metrics import ASSUMED, MEASURES, Baseline, DeviceMetric
from .effect_chart import effect_chart
from .experiment_design import Experiment
from .interim_analysis import InterimAnalysis, InterimSum, Results, next_thetas, read
from .power import Power, detectable, needed
from .verdict import ArmVerdict, verdicts

__all__ = [
    "ASSUMED",
    "MEASURES",
    "Analysis",
    "ArmComparison",
    "ArmVerdict",
    "Baseline",
    "Boundary",
    "DeviceMetric",
    "Experiment",
    "InterimAnalysis",
    "InterimSum",
    "Power",
    "Results",
    "analyse",
    "detectable",
    "effect_chart",
    "needed",
    "next_thetas",
    "read",
    "verdicts",
]
