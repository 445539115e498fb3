"""Array types of the federated side, named by what an array holds; most are the SDK's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from keyart.types import Bools, Doubles, Floats, Ints, ShortInts

Integers = npt.NDArray[np.int64]  # entries of private sums
SmallInts = npt.NDArray[np.int32]  # places, where memory counts

__all__ = ["Bools", "Doubles", "Floats", "Integers", "Ints", "ShortInts", "SmallInts"]
