"""Layouts: vectors with named parts, one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", np.float64, np.int64)


class VectorLayout:
    """A vector with named parts, one after the other."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Return the number of entries of each part, in order."""
        raise NotImplementedError

    @property
    def places(self) -> Mapping[str, slice]:
        """Return the slice of each part, by name."""
        ends = list(itertools.accumulate(self.sizes.values()))
        return {name: slice(end - size, end) for (name, size), end in zip(self.sizes.items(), ends, strict=True)}

    @property
    def size(self) -> int:
        """Return the number of entries of the whole vector."""
        return sum(self.sizes.values())

    def parts(self, vector: npt.NDArray[Number]) -> dict[str, npt.NDArray[Number]]:
        """Return views of the parts, by name."""
        return {name: vector[place] for name, place in self.places.items()}
