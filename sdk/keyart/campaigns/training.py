"""The training vector of one device: sums over its own log, as integers in the places of `TrainingLayout`.

The arithmetic is that of a whole fleet with one member (`gradient.sums`, `population.population_sums`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..model.features.encode import Floats, Ints
from ..model.features.spec import FeatureSpec
from ..model.ranker.weights import Weights
from ..model.scorer import Log
from .kinds.gradient import FRACTION_BITS, sums, to_integers
from .kinds.population import population_sums
from .vector_layout import ARTWORK_SUMS, TrainingLayout

if TYPE_CHECKING:
    from ..model.loaded_model import LoadedModel
    from ..profile.profile import Profile


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
    _add_by_artwork(parts["artworks"].reshape(-1, ARTWORK_SUMS), artworks, device.artworks)
    vectors: dict[str, npt.NDArray[np.floating]] = {
        "gradient": device.gradient,
        "diagonal": device.diagonal,
        "latents": device.latents,
        **population_sums(layout.spec, log, affinity, known),
    }
    for name, vector_part in vectors.items():
        integers = to_integers(vector_part, FRACTION_BITS)
        parts[name] += integers.sum(axis=tuple(range(integers.ndim - 1)))


def _add_by_artwork(table: npt.NDArray[np.int64], artworks: Ints, values: npt.NDArray[np.floating]) -> None:
    """table [n, S] += values […, S] at the rows artworks […]. Doubles hold sums of such integers exactly."""
    integers = to_integers(values.reshape(-1, values.shape[-1]), FRACTION_BITS)
    for column, of_column in enumerate(integers.T):
        table[:, column] += np.bincount(artworks.ravel(), of_column, len(table)).astype(np.int64)


def vector(profile: Profile, installed: LoadedModel) -> npt.NDArray[np.int64]:
    """[layout.size] of this device."""
    spec: FeatureSpec = installed.spec
    layout = TrainingLayout(spec, len(installed.encoded.artwork))
    total = np.zeros(layout.size, dtype=np.int64)
    log, artworks = profile.training_log()
    viewer = profile.viewer()
    known = float(profile.history_weight > 0)
    add_vectors(total, layout, installed.weights, log, artworks, viewer.affinity, np.array(known, dtype=np.float32))
    return total
