"""Mechanisms: how one round's sum is noised, as values that a ledger can write down."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from keyart.campaigns.budget import skellam_divergences
from keyart.errors import SettingError

from .renyi import ORDERS, Doubles, divergences_at_orders, sampled


class Mechanism(Protocol):
    """One release: `Gaussian`, `Skellam`, or a whole campaign as `banded.Banded`."""

    def divergences(self) -> Doubles:
        """Rényi divergences at ORDERS; those of several releases add up."""


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Gaussian noise on the sum of a Poisson sample of the fleet. noise_multiplier: its deviation over the clip.

    The neighbour has one person more or less. Raises SettingError.
    """

    noise_multiplier: float
    sampling_rate: float = 1.0

    def __post_init__(self) -> None:
        _check(self.noise_multiplier, self.sampling_rate)

    def divergences(self) -> Doubles:
        """Of one round, at ORDERS (Mironov, Talwar, Zhang 2019, section 3.3)."""
        return _gaussian(self.noise_multiplier, self.sampling_rate).copy()


@dataclass(frozen=True, slots=True)
class Skellam:
    """Skellam noise on a sum of integer vectors. l2: the most that one person's vector measures, in integer steps.

    noise_multiplier: deviation of the noise in the sum, over l2. Noise that devices add themselves counts only where
    it is sure to be there: take the survivors at the threshold, less those that may collude with the server.
    The neighbour has one person's vector replaced by zeros. Raises SettingError.
    """

    noise_multiplier: float
    l2: float
    dimension: int
    sampling_rate: float = 1.0

    def __post_init__(self) -> None:
        _check(self.noise_multiplier, self.sampling_rate)
        if not (math.isfinite(self.l2) and self.l2 > 0):
            raise SettingError(f"l2 must be positive, in integer steps, and is {self.l2}. Give clip × scale.")
        if self.dimension < 1:
            raise SettingError(f"dimension must be 1 or more, and is {self.dimension}. Give the vector's length.")

    def divergences(self) -> Doubles:
        """Of one round, at ORDERS (`keyart.campaigns.budget.skellam_divergences`)."""
        if self.sampling_rate == 0:
            return np.zeros(len(ORDERS))
        if self.noise_multiplier == 0:
            return np.full(len(ORDERS), np.inf)
        bound = skellam_divergences((self.noise_multiplier * self.l2) ** 2, self.l2, self.dimension)
        return divergences_at_orders(bound if self.sampling_rate == 1 else sampled(bound, self.sampling_rate))


def _check(noise_multiplier: float, sampling_rate: float) -> None:
    if not (math.isfinite(noise_multiplier) and noise_multiplier >= 0):
        raise SettingError(
            f"A noise multiplier must be 0 or more, and is {noise_multiplier}: the noise's deviation over the clip."
        )
    if not 0 <= sampling_rate <= 1:
        raise SettingError(
            f"A sampling rate must lie between 0 and 1, and is {sampling_rate}: the share of the fleet in a round."
        )


@lru_cache(maxsize=64)
def _gaussian(noise_multiplier: float, sampling_rate: float) -> Doubles:
    if sampling_rate == 0:
        return np.zeros(len(ORDERS))
    if noise_multiplier == 0:
        return np.full(len(ORDERS), np.inf)
    import dp_accounting  # it brings scipy, and takes longer than all else of a server's start
    from dp_accounting.rdp import RdpAccountant

    accountant = RdpAccountant(ORDERS)
    event: dp_accounting.DpEvent = dp_accounting.GaussianDpEvent(noise_multiplier)
    if sampling_rate < 1:
        event = dp_accounting.PoissonSampledDpEvent(sampling_rate, event)
    with _quiet():
        accountant.compose(event)
    return np.asarray(accountant._rdp, dtype=np.float64)  # it has no public door to them


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning of each order whose series does not converge: such an order counts as infinite."""
    log = logging.getLogger("absl")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
