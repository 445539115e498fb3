"""Clipping and rounding: any vector of numbers becomes a vector of integers with a bounded norm.

The order is that of Kairouz, Liu and Steinke 2021, "The distributed discrete Gaussian mechanism for federated
learning with secure aggregation", algorithm 1: scale, clip, round stochastically, and draw again while the rounded
vector is too long. So the bound holds for the vector that is sent, and the mean of the rounding is almost the vector
itself.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import SettingError
from ..types import Doubles
from .skellam import RandomBytes

UNITS = 1 << 12  # the clipping norm, in integers: fine enough that rounding adds little to the norm
TRIES = 8
RARE = math.exp(-0.5)  # β of equation 3: how rarely a rounding may be drawn again


def integer_norm(units: int, dimension: int) -> float:
    """Return the upper bound on the norm of an integer vector after rounding.

    Kairouz, Liu and Steinke 2021, equation 3: √(c² + d/4 + √(2 ln 1/β) (c + √d/2)), at most c + √d.

    Args:
        units: Norm before rounding, c.
        dimension: Entries of the vector, d.
    """
    likely = units**2 + dimension / 4 + math.sqrt(2 * math.log(1 / RARE)) * (units + math.sqrt(dimension) / 2)
    return min(units + math.sqrt(dimension), math.sqrt(likely))


def clip_vectors(vectors: Doubles, norm: float) -> tuple[Doubles, Doubles]:
    """Shorten vectors to a norm.

    Squares are summed in order, so that zeros between the entries change nothing, to the last bit.

    Args:
        vectors: […, d].
        norm: Upper bound on the norm.

    Returns:
        The vectors […, d], and the factor […] that each was shortened by (1 for none).

    Raises:
        SettingError: A number is not finite. Nothing is sent of a vector that cannot be trusted.
    """
    if not np.isfinite(vectors).all():
        raise SettingError("A vector holds a number that is not finite; nothing of it is sent.")
    length = np.sqrt(np.add.accumulate(vectors**2, axis=-1)[..., -1]) if vectors.size else vectors.sum(axis=-1)
    factor = np.minimum(1.0, norm / np.maximum(length, 1e-300))
    return vectors * factor[..., None], factor


def round_vectors(
    vectors: Doubles,
    units: int,
    random: RandomBytes | Sequence[RandomBytes] = os.urandom,
    dimension: int | None = None,
) -> npt.NDArray[np.int64]:
    """Round vectors stochastically to integers, each with a norm of at most `integer_norm`.

    An entry goes up with the probability of its fraction (in 2⁻³² steps), so that its mean is right. If `TRIES` draws
    are all too long, the entries are rounded towards 0, which lengthens nothing.

    Args:
        vectors: […, d], with a norm of at most 1.
        units: Integers that a norm of 1 becomes.
        random: Source of uniform bytes, or one a vector.
        dimension: Entries of the whole vectors, if zeros are left out; nothing is drawn for a zero.

    Returns:
        Integers […, d], each vector as if it had been rounded alone.
    """
    flat = (vectors * units).reshape(-1, vectors.shape[-1])
    sources = [random] * len(flat) if callable(random) else list(random)
    bound = integer_norm(units, dimension or flat.shape[1]) ** 2
    out = np.empty(flat.shape, dtype=np.int64)
    for row, exact, source in zip(out, flat, sources, strict=True):
        below = np.floor(exact)
        fraction = exact - below
        # Most entries are whole, such as those of artworks that a device never showed: nothing is drawn for them.
        drawn_for = np.flatnonzero(fraction)
        fraction = fraction[drawn_for]
        row[:] = np.trunc(exact)
        for _ in range(TRIES if len(fraction) else 0):
            drawn = np.frombuffer(source(4 * len(fraction)), dtype="<u4") * 2.0**-32
            tried = below.copy()
            tried[drawn_for] += drawn < fraction
            if tried @ tried <= bound:
                row[:] = tried
                break
    return out.reshape(vectors.shape)
