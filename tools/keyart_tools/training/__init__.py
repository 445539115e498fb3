"""Training from a log: its viewers replayed as devices, and the central learner over them."""

from .fit import LogTrainingSettings, TrainedModel, fit

__all__ = ["LogTrainingSettings", "TrainedModel", "fit"]
