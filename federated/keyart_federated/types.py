"""Array types of the federated side, by what their entries are. Shapes stand in the docstrings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]  # features and logits, in the precision of a device
Doubles = npt.NDArray[np.float64]  # what a server computes with
Ints = npt.NDArray[np.intp]  # places in other arrays
Integers = npt.NDArray[np.int64]  # entries of private sums
SmallInts = npt.NDArray[np.int32]  # places, where memory counts
Bools = npt.NDArray[np.bool_]
