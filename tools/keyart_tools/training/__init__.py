"""Training from a log: its viewers replayed as devices, and the central learner over them."""

from .fit import Fitted, Settings, fit

__all__ = ["Fitted", "Settings", "fit"]
