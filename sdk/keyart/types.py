"""Array types of the SDK, named by what an array holds. Shapes stand in the docstrings: `[devices, titles]`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
ShortInts = npt.NDArray[np.int16]  # where memory counts
Bools = npt.NDArray[np.bool_]
