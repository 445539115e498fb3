"""Banded matrix mechanism (DP-FTRL) for people who come when they please, but at least some rounds apart.

The server releases the running sums of X (one row a round) as A X with A = B C, C lower-triangular Toeplitz with few
bands: it adds the rows of C⁻¹ Z to those of X, so that noise of one round takes back some of an earlier one's
(Choquette-Choo et al. 2023, "(Amplified) Banded Matrix Factorization"). C is the banded square root of A (Kalinin,
Lampert 2024, "Banded Square Root Matrix Factorization").

Whoever adds the noise must know Z of earlier rounds, so correlated noise is for a server that is trusted with the
plain sum. Devices that add noise of their own cannot: for them `bands` is 1, independent noise in each round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keyart.errors import SettingError

from ..types import Doubles
from .mechanism import Gaussian
from .renyi import to_epsilon


@dataclass(frozen=True, slots=True)
class Banded:
    """The banded matrix mechanism of a whole campaign.

    Attributes:
        noise_multiplier: Standard deviation of an entry of Z over the clip.
        rounds: Number of running sums.
        separation: Number of rounds within which nobody takes part twice.
        bands: Number of bands of C; 1 is independent noise.

    Raises:
        SettingError: A value is out of range.
    """

    noise_multiplier: float
    rounds: int
    separation: int
    bands: int = 1

    def __post_init__(self) -> None:
        Gaussian(self.noise_multiplier)  # checks it
        _check(self.bands, self.rounds, self.separation)

    @property
    def sensitivity(self) -> float:
        """The L2 norm of what one person changes in C X, in clips."""
        return sensitivity(coefficients(self.bands), self.rounds, self.separation)

    def divergences(self) -> Doubles:
        """Return the Rényi divergences of the whole campaign at ORDERS.

        They are those of one Gaussian release of C X, which holds for adaptive rounds, too.
        """
        return Gaussian(self.noise_multiplier / self.sensitivity).divergences()

    def epsilon(self, delta: float) -> float:
        """Return the ε of the whole campaign."""
        return to_epsilon(self.divergences(), delta)

    @property
    def error(self) -> float:
        """The root mean square error of an entry of the running sums, in clips."""
        return self.noise_multiplier * error(coefficients(self.bands), self.rounds)


def coefficients(bands: int) -> Doubles:
    """Return the first column of C, [bands]: binom(2k, k) / 4^k, of the square root of the matrix of running sums."""
    if bands < 1:
        raise SettingError(f"bands must be 1 or more, and is {bands}. 1 is independent noise in each round.")
    k = np.arange(1, bands)
    return np.concatenate([[1.0], np.cumprod((2 * k - 1) / (2 * k))])


def sensitivity(column: Doubles, rounds: int, separation: int) -> float:
    """Return the largest change of C X by one person in ⌈rounds / separation⌉ participations, for a clip of 1.

    Args:
        column: First column of C, ≥ 0 and nowhere rising: then the worst person comes as early and as often as
            possible (Kalinin, Lampert 2024, theorem 2).
        rounds: Number of rounds.
        separation: Number of rounds within which nobody takes part twice.

    Raises:
        SettingError: A coefficient is negative or rises.
    """
    _check(len(column), rounds, separation)
    if (column < 0).any() or (np.diff(column) > 0).any():
        raise SettingError(
            "Coefficients must be 0 or more and may not rise: for others this sensitivity is not proven."
        )
    total = np.zeros(rounds)
    for first in range(0, rounds, separation):
        reached = column[: rounds - first]
        total[first : first + len(reached)] += reached
    return math.sqrt(float(total @ total))


def error(column: Doubles, rounds: int) -> float:
    """Return the root mean square over rounds of the norms of the rows of B = A C⁻¹: the error for noise of 1."""
    rows = np.cumsum(_inverse(column, rounds))
    return math.sqrt(float(np.cumsum(rows**2).mean()))


def _inverse(column: Doubles, rounds: int) -> Doubles:
    """Return the first column of C⁻¹, [rounds]."""
    inverse = np.zeros(rounds)
    inverse[0] = 1 / column[0]
    for k in range(1, rounds):
        reach = min(k, len(column) - 1)
        inverse[k] = -(column[1 : reach + 1] @ inverse[k - reach : k][::-1]) / column[0]
    return inverse


def _check(bands: int, rounds: int, separation: int) -> None:
    if rounds < 1 or separation < 1:
        raise SettingError(f"rounds and separation must be 1 or more, and are {rounds} and {separation}.")
    if not 1 <= bands <= rounds:
        raise SettingError(f"bands must lie between 1 and rounds ({rounds}), and is {bands}.")
