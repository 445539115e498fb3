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
    exact = (vectors * units).reshape(-1, vectors.shape[-1])
    bound = integer_norm(units, dimension or exact.shape[1]) ** 2
    below = np.floor(exact)
    out = np.trunc(exact).astype(np.int64)
    # Most entries are whole, such as those of artworks that a device never showed: nothing is drawn for them.
    places = np.flatnonzero(exact != below)
    rows, low = places // exact.shape[1], below.ravel()[places]
    fraction = exact.ravel()[places] - low
    whole = np.einsum("ij,ij->i", below, below) - np.bincount(rows, low**2, len(exact))  # exact: these are integers
    for _ in range(TRIES):
        if not places.size:
            break
        tried = low + (_uniform(random, rows) < fraction)
        fits = (whole + np.bincount(rows, tried**2, len(exact)) <= bound)[rows]
        out.reshape(-1)[places[fits]] = tried[fits]
        places, rows, low, fraction = (entries[~fits] for entries in (places, rows, low, fraction))
    return out.reshape(vectors.shape)


def _uniform(random: RandomBytes | Sequence[RandomBytes], rows: npt.NDArray[np.int64]) -> Doubles:
    """Return a number in [0, 1), in steps of 2⁻³², for each entry; `rows` are the entries' rows, ascending."""
    if callable(random):
        drawn = random(4 * len(rows))
    else:
        counts = np.bincount(rows, minlength=len(random)).tolist()
        drawn = b"".join([source(4 * count) for source, count in zip(random, counts, strict=True) if count])
    return np.asarray(np.frombuffer(drawn, dtype="<u4") * 2.0**-32)
