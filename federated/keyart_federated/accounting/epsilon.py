"""ε of a campaign whose rounds are alike, and the smallest noise for an ε."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from keyart.errors import SettingError

from .mechanism import Gaussian, Mechanism, Skellam
from .renyi import ORDERS, to_epsilon

MAX_NOISE_MULTIPLIER = 1e6  # multiples of the clip: nobody learns anything from such a sum
TOLERANCE = 1e-6  # of the noise multiplier, relative


def composed(events: Iterable[tuple[Mechanism, int]], delta: float) -> float:
    """Return the ε at `delta` of mechanisms, each so many times; 0 for none.

    Divergences are multiplied, not added up one by one: so a budget that a planner's noise fits exactly is spent
    exactly. Raises SettingError.
    """
    total = np.zeros(len(ORDERS))
    for mechanism, times in events:
        total += times * mechanism.divergences()
    return to_epsilon(total, delta)


def composed_by_draw(times: Mapping[tuple[Mechanism, float, float], int], delta: float) -> float:
    """Return the ε at `delta` of the person who loses most, where each event asks one range of sampling buckets.

    A bucket stays as it is and knows nothing of what a person does, so events of different buckets are of different
    people and do not add up (parallel composition: McSherry 2009, "Privacy integrated queries", theorem 4).

    Args:
        times: Number of times each event was asked, by event and its range [low, high) of [0, 1).
        delta: δ.

    Returns:
        The ε; 0 for no events.

    Raises:
        SettingError: δ is out of range.
    """
    worst = {low for _, low, _ in times}  # whatever asks a draw also asks the last of these at or below it
    return max(
        (
            composed(((event, n) for (event, low, high), n in times.items() if low <= draw < high), delta)
            for draw in worst
        ),
        default=0.0,
    )


def epsilon(noise_multiplier: float, sampling_rate: float, rounds: int, delta: float) -> float:
    """Return the ε of `rounds` sums with Gaussian noise, each over a Poisson sample of the fleet.

    Neighbours differ by one person, added or removed. Rényi divergences compose through `dp-accounting`, at its
    orders and some more. 0 rounds cost 0, and no noise costs infinity.

    Args:
        noise_multiplier: Standard deviation of the noise over the clip.
        sampling_rate: Probability that a person is in a round, drawn anew and kept secret; 1 for devices that
            cannot rely on that.
        rounds: Number of rounds.
        delta: δ.

    Raises:
        SettingError: A number is out of range.
    """
    return _repeated(Gaussian(noise_multiplier, sampling_rate), rounds, delta)


def skellam_epsilon(
    noise_multiplier: float, l2: float, dimension: int, rounds: int, delta: float, sampling_rate: float = 1.0
) -> float:
    """Return the ε of `rounds` sums of integer vectors with Skellam noise; a person's vector is replaced by zeros.

    Args:
        noise_multiplier: Standard deviation of the sum's noise over l2.
        l2: Sensitivity: the largest norm of one vector, in integer steps.
        dimension: Entries of a vector.
        rounds: Number of rounds.
        delta: δ.
        sampling_rate: Probability that a person is in a round.

    Raises:
        SettingError: A number is out of range.
    """
    return _repeated(Skellam(noise_multiplier, l2, dimension, sampling_rate), rounds, delta)


def noise_for(
    epsilon: float,
    delta: float,
    rounds: int,
    *,
    sampling_rate: float = 1.0,
    l2: float | None = None,
    dimension: int | None = None,
) -> float:
    """Return the smallest noise multiplier whose `rounds` cost at most `epsilon`.

    The noise is Gaussian, or Skellam where l2 and dimension are given. It is never too small: the answer is the
    upper end of the last bracket. Raises SettingError.
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise SettingError(f"epsilon must be positive, and is {epsilon}. Without noise it is infinite.")
    if rounds < 1:
        raise SettingError(f"Noise is for 1 round or more, and rounds is {rounds}.")
    if (l2 is None) != (dimension is None):
        raise SettingError("Skellam noise needs both l2 and dimension; leave out both for Gaussian noise.")

    def enough(noise: float) -> bool:
        mechanism: Mechanism = Gaussian(noise, sampling_rate)
        if l2 is not None and dimension is not None:
            mechanism = Skellam(noise, l2, dimension, sampling_rate)
        return _repeated(mechanism, rounds, delta) <= epsilon

    low, high = 0.0, 1.0
    while not enough(high):
        low, high = high, 2 * high
        if high > MAX_NOISE_MULTIPLIER:
            raise SettingError(
                f"No noise below {MAX_NOISE_MULTIPLIER:.0e} clips keeps {rounds} rounds within ε = {epsilon} at "
                f"δ = {delta}. Allow a larger ε, or fewer rounds."
            )
    while high - low > TOLERANCE * high:
        middle = (low + high) / 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def _repeated(mechanism: Mechanism, rounds: int, delta: float) -> float:
    if rounds < 0:
        raise SettingError(f"rounds must be 0 or more, and is {rounds}.")
    return composed([(mechanism, rounds)] if rounds else [], delta)
