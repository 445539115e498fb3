"""Compact vectors: the entries of many devices' vectors that are not 0, and their places.

A device has shown a few dozen of thousands of artworks, so a vector with entries by artwork is almost all zeros. What
it holds is computed, clipped and rounded in this form. Rows are filled up with entries of 0, which change neither a
norm nor a rounding, so that a device has the same numbers in any batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Bools, Doubles, Ints


@dataclass(frozen=True)
class CompactVectors:
    """Vectors of d devices.

    Attributes:
        values: Entries, [d, m].
        places: Their places in the whole vector, [d, m]; in order, but for entries of 0.
        size: Number of entries of the whole vector.
    """

    values: Doubles
    places: Ints
    size: int

    @classmethod
    def of(cls, vectors: Doubles) -> CompactVectors:
        """Return whole vectors [d, size] with all of their entries."""
        size = vectors.shape[1]
        return cls(vectors, np.broadcast_to(np.arange(size), vectors.shape), size)

    def of_devices(self, some: Bools) -> CompactVectors:
        """Return the vectors of some of the devices, [d]."""
        return CompactVectors(self.values[some], self.places[some], self.size)

    def whole(self) -> Doubles:
        """Return whole vectors, [d, size]."""
        devices = len(self.values)
        place = np.arange(devices)[:, None] * self.size + self.places
        flat = np.bincount(place.ravel(), self.values.ravel(), devices * self.size)
        return np.asarray(flat.reshape(devices, self.size), dtype=np.float64)
