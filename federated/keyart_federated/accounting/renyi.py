"""Rényi divergences: what composes by addition, and how it becomes an ε (Mironov 2017)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from dp_accounting.rdp import compute_epsilon

from keyart.errors import SettingError

Doubles = npt.NDArray[np.float64]

MAX_ORDER: Final = 1024
# Dense where a campaign's best order lies (a large ε has it near 1), a step of an eighth above.
ORDERS: Final[tuple[float, ...]] = (
    *(1 + tenth / 10 for tenth in range(1, 100)),
    *range(11, 64),
    *(base + base * eighth // 8 for base in (64, 128, 256, 512) for eighth in range(8)),
    MAX_ORDER,
)
_INTEGERS: Final = np.arange(2, MAX_ORDER + 1)


def to_epsilon(divergences: Doubles, delta: float) -> float:
    """The least ε that these divergences `[ORDERS]` prove at `delta`. Raises SettingError.

    Canonne, Kamath, Steinke 2020, proposition 12, as `dp-accounting` computes it.
    """
    if not 0 < delta < 1:
        raise SettingError(
            f"delta must lie between 0 and 1, and is {delta}. Take less than one over the fleet's size."
        )
    return float(compute_epsilon(ORDERS, divergences.tolist(), delta)[0])


def at_orders(divergences: Doubles) -> Doubles:
    """Divergences `[ORDERS]` from those at the integers 2 … MAX_ORDER.

    (α − 1) D_α is convex in α and nought at 1 (van Erven, Harremoës 2014, theorem 11 and its corollary 2), so a chord
    between two integers lies above it.
    """
    orders = np.asarray(ORDERS)
    cumulants = np.concatenate([[0.0], (_INTEGERS - 1) * divergences])
    return np.asarray(np.interp(orders, np.arange(1, MAX_ORDER + 1), cumulants) / (orders - 1))


def sampled(divergences: Doubles, rate: float) -> Doubles:
    """Divergences at the integers 2 … MAX_ORDER after Poisson sampling, from those without.

    log Σ_k C(α,k) (1−q)^(α−k) q^k e^((k−1) D_k), over α − 1: the binomial expansion of the mixture's divergence from
    the plain distribution (Zhu, Wang 2019, theorems 6 and 8). Where a reflection swaps the two distributions, as for
    symmetric noise, that is the larger of the two directions (Mironov, Talwar, Zhang 2019, theorem 5), so that the
    general bound's factor of 3 is not needed.
    """
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, MAX_ORDER + 1)))])  # logarithms
    chosen = np.arange(MAX_ORDER + 1) * np.log(rate) - factorials
    chosen[2:] += (_INTEGERS - 1) * divergences
    rest = np.arange(MAX_ORDER + 1) * np.log1p(-rate) - factorials
    out = np.empty(len(divergences))
    for row, order in enumerate(_INTEGERS):
        terms = factorials[order] + chosen[: order + 1] + rest[order::-1]
        peak = float(terms.max())
        out[row] = max(0.0, peak + math.log(float(np.exp(terms - peak).sum()))) / (order - 1)
    return out
