"""Experiments that can be trusted without anybody's log: A/B tests, trends and base appeal from private sums.

boundary    what a sum stays within at all times at once
measures    the metrics, and what is known of each beforehand
experiment  what is compared, how often one looks, what it costs a person
looks       what a noised sum tells, and the file that keeps it
analysis    effects with their intervals, groups, guards, mismatch
verdict     the same in words
power       how many devices, how many days
pilot       what a first question tells for the next one
peeking     what peeking does to tests, and what noise does to verdicts
trending    what takes off today
appeal      what everybody sees in a new picture

`keyart_federated.simulation.experiment_trial` runs an experiment on a World.
"""

from .analysis import Analysis, ArmComparison, analyse
from .boundary import Boundary
from .device_metrics import ASSUMED, MEASURES, Baseline, DeviceMetric
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
    "needed",
    "next_thetas",
    "read",
    "verdicts",
]
