"""Slates that models are judged on: the same occasions of a world or of a log for all of them."""

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
    "plain",
    "slates",
    "value",
]
