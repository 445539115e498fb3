"""Training from a log: its viewers are replayed as devices, and the central learner trains on them."""

from .fit import LogTrainingSettings, TrainedModel, fit

__all__ = ["LogTrainingSettings", "TrainedModel", "fit"]
