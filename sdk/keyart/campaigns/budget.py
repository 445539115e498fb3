"""The privacy cost of sums with Skellam noise.

It consists of Rényi divergences, which add up over rounds, and of the ε that they prove.

Device and server use the same functions (`keyart_federated.accounting` adds sampling and other noise). A device
counts every round in full: it cannot rely on having been sampled in secret.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..errors import SettingError
from ..types import Doubles

# Share of an offer's `minimum_devices` whose noise is in a sum whatever the server says of how many there are, and
# even if a twentieth is in league with it: what devices check of their neighbours assures .48 at every size and
# quorum (docs/reference/protocol.md, "The graph").
HONEST_FRACTION: Final = 0.45
MAX_ORDER: Final = 1024
# Dense where a campaign's best order lies (a large ε has it near 1), a step of an eighth above.
ORDERS: Final[tuple[float, ...]] = (
    *(1 + tenth / 10 for tenth in range(1, 100)),
    *range(11, 64),
    *(base + base * eighth // 8 for base in (64, 128, 256, 512) for eighth in range(8)),
    MAX_ORDER,
)
_INTEGERS: Final = np.arange(2, MAX_ORDER + 1)


@dataclass(frozen=True, slots=True)
class Charge:
    """The charge of one round.

    Attributes:
        noise_multiplier: Standard deviation of the guaranteed noise in the sum, divided by `l2`.
        l2: Upper bound on the norm of the device's integer vector.
        dimension: Entries of the vector.
    """

    noise_multiplier: float
    l2: float
    dimension: int


@dataclass(frozen=True, slots=True)
class Budget:
    """The privacy budget of a profile.

    Attributes:
        epsilon_spent: Privacy loss of all rounds together at `delta`; infinite once an unprotected vector has left.
        epsilon_limit: Limit that it never exceeds.
        delta: δ of both.
        contributions: Number of vectors that left the device.
    """

    epsilon_spent: float
    epsilon_limit: float
    delta: float
    contributions: int


def skellam_divergences(variance: float, l2: float, dimension: int) -> Doubles:
    """Return the divergences of one sum at the integer orders 2 … `MAX_ORDER`.

    The neighbour has one person's vector replaced by zeros.

    Agarwal, Kairouz, Liu 2021, "The Skellam mechanism for differentially private federated learning", corollary 3.6:
    α Δ₂²/(2μ) + min(((2α−1) Δ₂² + 6 Δ₁)/(4μ²), 3 Δ₁/(2μ)), μ the variance, Δ₁ ≤ min(√d Δ₂, Δ₂²).
    """
    if variance == 0:
        return np.full(len(_INTEGERS), np.inf)
    l1 = min(math.sqrt(dimension) * l2, l2**2)  # integers: |x| ≤ x²
    surcharge = ((2 * _INTEGERS - 1) * l2**2 + 6 * l1) / (4 * variance**2)
    return np.asarray(_INTEGERS * l2**2 / (2 * variance) + np.minimum(surcharge, 3 * l1 / (2 * variance)))


def divergences_at_orders(divergences: Doubles) -> Doubles:
    """Return divergences `[ORDERS]` from those at the integers 2 … `MAX_ORDER`.

    (α − 1) D_α is convex in α and 0 at 1 (van Erven, Harremoës 2014, theorem 11 and its corollary 2), so a chord
    between two integers lies above it.
    """
    orders = np.asarray(ORDERS)
    cumulants = np.concatenate([[0.0], (_INTEGERS - 1) * divergences])
    return np.asarray(np.interp(orders, np.arange(1, MAX_ORDER + 1), cumulants) / (orders - 1))


def epsilon_of_divergences(divergences: Doubles, delta: float) -> float:
    """Return the smallest ε that divergences `[ORDERS]` prove at `delta`.

    It is the minimum over α of D_α + log(1 − 1/α) − log(δ α) / (α − 1) (Canonne, Kamath, Steinke 2020, proposition
    12).

    Raises:
        SettingError: `delta` is not between 0 and 1.
    """
    if not 0 < delta < 1:
        raise SettingError(
            f"delta must lie between 0 and 1, and is {delta}. Take less than one over the fleet's size."
        )
    order = np.asarray(ORDERS)
    epsilons = divergences + np.log1p(-1 / order) - (math.log(delta) + np.log(order)) / (order - 1)
    return max(0.0, float(epsilons.min()))


def epsilon_spent(charges: Iterable[Charge], delta: float) -> float:
    """Return ε at `delta` of rounds together; 0 for none."""
    total = np.zeros(len(_INTEGERS))
    for charge in charges:
        variance = (charge.noise_multiplier * charge.l2) ** 2
        total += skellam_divergences(variance, charge.l2, charge.dimension)
    return epsilon_of_divergences(divergences_at_orders(total), delta) if total.any() else 0.0
