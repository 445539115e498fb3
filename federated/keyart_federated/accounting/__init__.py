"""Privacy accounting: ε of noised sums, the noise that a budget needs, and the ledger that charges it.

The package uses the SDK only; campaigns, experiments and simulations use it.

Neighbours differ by one person. For the Gaussian mechanism that person is added or removed. For the distributed
Skellam mechanism, whose noise the devices add themselves, the person's vector is replaced by zeros: who takes part
in a secure sum is not secret. A noise multiplier is the standard deviation of the noise in the *sum*, divided by
the clip.

epsilon, renyi   ε of rounds, by Rényi divergences
mechanism        the noise of one round, as a value; `banded`: correlated noise of a whole campaign
privacy          the budget of a simulation, and the plan that fits it
ledger           what a fleet has been charged; `dp_audit`: lower bounds from attacks on the built mechanism
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
