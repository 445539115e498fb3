"""What int8 weights cost: bytes, winners, policy value, the error of each tensor, and the worst cases."""

from .quantization_report import Report, Tensor, Worst, measure
from .quantization_source import Source

__all__ = ["Report", "Source", "Tensor", "Worst", "measure"]
