"""Logs of all devices in one place, for the one learner that may see everything (`central_learner`)."""

from __future__ import annotations

import numpy as np

from keyart.model import DecisionLog, FeatureRows

from ..types import Floats, Ints
from .devices import Devices


def sampled_decisions(devices: Devices, count: int, rng: np.random.Generator) -> tuple[DecisionLog, Ints]:
    """Draw up to `count` decisions from the logs of one chunk of devices, as devices of one decision each.

    Impressions in which nothing was shown are left out.

    Returns:
        The decisions and the places of their artworks, [n, 1].
    """
    log, artworks, made = devices.log_of_chunk(int(rng.integers(devices.chunks)))
    possible = np.flatnonzero(made)
    chosen = rng.choice(possible, size=min(count, len(possible)), replace=False)
    at = np.divmod(chosen, devices.journal.steps)

    def pick(array: Floats) -> Floats:
        return array[at][:, None]

    rows = FeatureRows(
        artwork=pick(log.rows.artwork),
        match=pick(log.rows.match),
        main=pick(log.rows.main),
        appeal=pick(log.rows.appeal),
        viewer=log.rows.viewer[at[0]],
        context=pick(log.rows.context),
    )
    latents = pick(log.latents) if log.latents is not None else None
    sample = DecisionLog(rows, pick(log.offset), pick(log.played), pick(log.quality), pick(log.counted), latents)
    return sample, artworks[at][:, None]
