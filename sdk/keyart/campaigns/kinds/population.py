"""The shape of the population, as sums: what the server needs to simulate viewers, and no more.

From these the server draws viewers who do not exist (keyart_federated.learning.curvature) and computes on them the
curvature that no device has to send.
"""

from __future__ import annotations

import numpy as np

from ...model.features.encode import Floats
from ...model.features.spec import FeatureSpec
from ...model.features.viewer import sharpen
from ...model.scorer import Log


def population_sums(spec: FeatureSpec, log: Log, affinity: Floats, known: Floats) -> dict[str, Floats]:
    """Parts of TrainingLayout by name, […, size]. affinity […, H]; known […]: 1 where the viewer has a history."""
    rows, counted = log.rows, log.counted
    member = spec.viewer_members
    described = np.concatenate([known[..., None], affinity, affinity**2 @ member.T], axis=-1) * known[..., None]
    leading = np.array([tag in spec.leading_tags for tag in spec.viewer_tags], dtype=bool)
    bins = np.zeros((*known.shape, len(spec.leading_tags)), dtype=np.float32)
    if bins.shape[-1]:
        np.put_along_axis(bins, affinity[..., leading].argmax(-1)[..., None], 1.0, axis=-1)
    viewers = bins[..., :, None] * described[..., None, :]
    devices = rows.context[..., : len(spec.devices) + 1]
    dayparts = rows.context[..., len(spec.devices) + 1 :]
    contexts = np.swapaxes(devices * counted[..., None], -1, -2) @ dayparts
    situation = rows.main[..., 1:3] * counted[..., None]
    match = rows.match * counted[..., None]
    tried = counted * log.played
    return {
        "viewers": viewers.reshape(*known.shape, -1),
        "contexts": contexts.reshape(*known.shape, -1),
        "situations": np.concatenate([situation.sum(-2), (situation * rows.main[..., 1:3]).sum(-2)], axis=-1),
        "matches": np.concatenate([match.sum(-2), (match * rows.match).sum(-2)], axis=-1),
        "taste": np.concatenate([sharpen(affinity, spec) * known[..., None], known[..., None]], axis=-1),
        "outcomes": np.stack([counted.sum(-1), tried.sum(-1), (tried * log.quality).sum(-1)], axis=-1),
    }
