"""What a campaign costs a person: ε of noised sums, and the noise that a budget asks for.

Neighbours differ by one person. For the Gaussian that person is added or removed. For the distributed Skellam, whose
noise the devices add themselves, the person's vector is replaced by zeros: who takes part in a secure sum is not
secret. A noise multiplier is the standard deviation of the noise in the *sum*, divided by the clip.
"""

from __future__ import annotations

from . import banded
from .epsilon import composed, composed_by_draw, epsilon, noise_for, skellam_epsilon
from .mechanism import Gaussian, Mechanism, Skellam
from .renyi import ORDERS, to_epsilon

__all__ = [
    "ORDERS",
    "Gaussian",
    "Mechanism",
    "Skellam",
    "banded",
    "composed",
    "composed_by_draw",
    "epsilon",
    "noise_for",
    "skellam_epsilon",
    "to_epsilon",
]
