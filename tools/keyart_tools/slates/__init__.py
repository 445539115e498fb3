"""Slates that models are judged on: the same occasions of a world or of a log for all of them."""

from .occasions import Logged, Occasion, Occasions, Truth
from .slate import Slate, model_installed, slates
from .value import by_device, difference, plain, value

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
