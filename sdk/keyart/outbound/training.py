"""The training vector of one device: sums over its own log, as integers in the places of `TrainingLayout`.

The arithmetic is that of a whole fleet with one member (`gradient.sums`, `population.population_sums`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..features.encode import Floats, Ints
from ..features.spec import FeatureSpec
from ..ranker.weights import Weights
from .gradient import FRACTION_BITS, Log, sums, to_integers
from .layout import ARTWORK_SUMS, TrainingLayout
from .population import population_sums

if TYPE_CHECKING:
    from ..installed import Installed
    from ..profile import Profile


def add_vectors(
    total: npt.NDArray[np.int64],
    layout: TrainingLayout,
    weights: Weights,
    log: Log,
    artworks: Ints,
    affinity: Floats,
    known: Floats,
) -> None:
    """Adds the vectors of devices […] to `total`. artworks […, N]: what each decision showed; affinity […, H];
    known […]: 1 where there is a history."""
    parts = layout.parts(total)
    device = sums(weights, log)
    np.add.at(parts["artworks"].reshape(-1, ARTWORK_SUMS), artworks, to_integers(device.residuals, FRACTION_BITS))
    vectors = {
        "gradient": device.gradient,
        "diagonal": device.diagonal,
        **population_sums(layout.spec, log, affinity, known),
    }
    for name, vector_part in vectors.items():
        integers = to_integers(vector_part, FRACTION_BITS)
        parts[name] += integers.sum(axis=tuple(range(integers.ndim - 1)))


def vector(profile: Profile, installed: Installed) -> npt.NDArray[np.int64]:
    """[layout.size] of this device."""
    spec: FeatureSpec = installed.spec
    layout = TrainingLayout(spec, len(installed.encoded.artwork))
    total = np.zeros(layout.size, dtype=np.int64)
    log, artworks = profile.training_log()
    viewer = profile.viewer()
    known = float(profile.history_weight > 0)
    add_vectors(total, layout, installed.weights, log, artworks, viewer.affinity, np.array(known, dtype=np.float32))
    return total
