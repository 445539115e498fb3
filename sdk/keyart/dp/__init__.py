"""Differential privacy on the device: vectors are clipped and rounded, and each device adds its share of the noise.

It is pure but for the bytes that it draws, and may use numpy, `keyart.types` and `keyart.errors`.

    clip      a bound on the norm of an integer vector
    skellam   exact integer noise whose sum is again of the same distribution
"""

from .clip import UNITS, clip_vectors, integer_norm, round_vectors
from .skellam import RandomBytes, skellam_noise

__all__ = [
    "UNITS",
    "RandomBytes",
    "clip_vectors",
    "integer_norm",
    "round_vectors",
    "skellam_noise",
]
