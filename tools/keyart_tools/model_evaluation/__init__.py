"""Slates that models are judged on: the same occasions of a world or of a log for all of them."""

from .evaluation_set import Logged, Occasion, Occasions, Truth
from .policy_value import by_device, difference, plain, value
from .slate import Slate, model_installed, slates

__all__ = [
    "Logged",
    "Occasion",
    "Occasions",
    "Slate",
    "Truth",
    "by_device",
    "difference",
    "model_installed",
    "plain",
    "slates",
    "value",
]
