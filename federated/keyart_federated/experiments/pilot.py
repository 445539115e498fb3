"""A pilot: baselines from an experiment's sums, from which the next experiment is planned."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from keyart.errors import FederatedError

from .device_metrics import MAX_CORRELATION, MEASURES, Baseline
from .interim_analysis import Results

MIN_DEVIATION: Final = 0.02  # of what was assumed: a metric that hardly differs between devices is not asked about


def baselines(results: Results) -> dict[str, Baseline]:
    """Return the baselines that an experiment or a pilot has measured, without metrics that hardly differ.

    Raises:
        FederatedError: There is no look yet.
    """
    experiment, looks = results.experiment, results.looks
    if not looks:
        raise FederatedError(
            f"Experiment {experiment.name!r} has no look yet, so that nothing is known of its metrics."
        )
    devices = sum(float(look.devices.sum()) for look in looks)
    question = experiment.question()
    found = {}
    for m, (name, assumed) in enumerate(experiment.metrics.items()):
        asked = question.asked[m]
        z, zz = (sum(float(getattr(look, part)[:, m].sum()) for look in looks) / devices for part in ("z", "zz"))
        xz, xx = (max(sum(float(getattr(look, part)[m]) for look in looks) / devices, 0.0) for part in ("xz", "xx"))
        theta = float(np.mean([look.thetas[m] for look in looks]))
        doubt = math.sqrt(sum(float(2 * look.zz_noise[m]) for look in looks)) / devices
        # What was taken off comes back: y = z + θ x, so that var y = var z + θ² Σ x² + 2 θ Σ x z.
        whole = max(zz - z**2, 0.0) + theta**2 * xx + 2 * theta * xz
        if name != experiment.first and whole + 2 * doubt < (MIN_DEVIATION * assumed.deviation / asked.reach) ** 2:
            continue
        known = whole > 2 * doubt  # else the noise hides it, and what was assumed has to do
        correlation = (xz + theta * xx) / math.sqrt(whole * xx) if known and xx > 2 * doubt else 0.0
        mean = float(np.clip(asked.centre + z * asked.reach, 0.0, MEASURES[name].most))
        found[name] = Baseline(
            mean,
            math.sqrt(whole) * asked.reach if known else assumed.deviation,
            float(np.clip(correlation, 0.0, MAX_CORRELATION)),
            (experiment.first_day + experiment.days) / 2,
        )
    return found
