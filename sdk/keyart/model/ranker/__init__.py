"""The ranker: the global model that scores the candidates of a choice, on one of two engines with equal scores."""

from .engine import Engine, Ranker, load_ranker, onnxruntime_installed
from .numpy_engine import NumpyRanker, Scores
from .weights import Weights

__all__ = ["Engine", "NumpyRanker", "Ranker", "Scores", "Weights", "load_ranker", "onnxruntime_installed"]
