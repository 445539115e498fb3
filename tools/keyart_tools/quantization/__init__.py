"""The effect of int8 weights: bytes, winners, policy value, the error of each tensor, and the worst cases."""

from .quantization_report import ChangedWinner, QuantizationReport, TensorError, measure
from .quantization_source import QuantizationSource

__all__ = ["ChangedWinner", "QuantizationReport", "QuantizationSource", "TensorError", "measure"]
