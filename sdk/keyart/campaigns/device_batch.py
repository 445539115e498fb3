"""The inputs of vectors that are computed for many devices at once: one on a device, thousands in a simulation.

A kind whose vector is a function of a `DeviceBatch` runs the same lines in both places.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..model.features import EncodedCatalog
from ..model.features.rows import FeatureRows
from ..model.ranker.weights import Weights
from ..model.scorer import DecisionLog
from ..types import Floats, Ints

if TYPE_CHECKING:
    from ..model.loaded_model import LoadedModel
    from ..profile.profile import Profile


@dataclass(frozen=True)
class DeviceBatch:
    """Logs and histories of d devices that run the same model.

    A kind reads only some of the fields. A request for a kind that reads no log may pass a log without decisions.

    Attributes:
        encoded: The catalogue in the places of the model's feature spec, with T titles and n artworks.
        weights: Weights of the model, as devices serve it.
        log: Decisions with an outcome, [d, N]; `counted` is 0 for padding.
        artworks: Artwork shown by each decision, [d, N], as a place among all artworks of the catalogue.
        affinity: Each viewer's affinity by tag, [d, H].
        has_history: 1 for devices with a view of a title in the catalogue, else 0, [d].
        views: Weighted views by title, [d, T].
    """

    encoded: EncodedCatalog
    weights: Weights
    log: DecisionLog
    artworks: Ints
    affinity: Floats
    has_history: Floats
    views: npt.NDArray[np.floating]

    @classmethod
    def of_profile(cls, profile: Profile, installed: LoadedModel) -> DeviceBatch:
        """Return the batch of one device."""
        log, artworks = profile.training_log()
        return cls(
            encoded=installed.encoded,
            weights=installed.weights,
            log=_with_device_axis(log),
            artworks=artworks[None],
            affinity=profile.viewer().affinity[None],
            has_history=np.array([float(profile.history_weight > 0)], dtype=np.float32),
            views=profile.views_by_title()[None],
        )


def _with_device_axis(log: DecisionLog) -> DecisionLog:
    rows = FeatureRows(**{name: value[None] for name, value in vars(log.rows).items()})
    arrays = {name: value[None] for name, value in vars(log).items() if name != "rows" and value is not None}
    return replace(log, rows=rows, **arrays)
