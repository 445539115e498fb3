"""Evaluation of models on the same slates of a world or of a log."""

from .bundle_policy import logged_decisions, never_trained
from .evaluation_set import EvaluationCase, EvaluationSet, ExpectedRewards, LoggedReward
from .policy_value import by_device, difference, plain, value
from .slate import Slate, loaded_from_file, slates

__all__ = [
    "EvaluationCase",
    "EvaluationSet",
    "ExpectedRewards",
    "LoggedReward",
    "Slate",
    "by_device",
    "difference",
    "loaded_from_file",
    "logged_decisions",
    "never_trained",
    "plain",
    "slates",
    "value",
]
