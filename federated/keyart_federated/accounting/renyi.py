"""Rényi divergences: what composes by addition, and how it becomes an ε (Mironov 2017)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from keyart.campaigns.budget import MAX_ORDER, ORDERS, divergences_at_orders
from keyart.errors import SettingError
from keyart.types import Doubles

__all__ = ["MAX_ORDER", "ORDERS", "Doubles", "divergences_at_orders", "sampled", "to_epsilon"]

_INTEGERS: Final = np.arange(2, MAX_ORDER + 1)


def to_epsilon(divergences: Doubles, delta: float) -> float:
    """The least ε that these divergences `[ORDERS]` prove at `delta`. Raises SettingError.

    Canonne, Kamath, Steinke 2020, proposition 12, as `dp-accounting` computes it.
    """
    if not 0 < delta < 1:
        raise SettingError(
            f"delta must lie between 0 and 1, and is {delta}. Take less than one over the fleet's size."
        )
    from dp_accounting.rdp import compute_epsilon  # takes longer to import than all else of a server's start

    return float(compute_epsilon(ORDERS, divergences.tolist(), delta)[0])


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
