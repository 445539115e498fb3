"""Sentences about what the figures of a simulation cannot tell, so that nobody takes chance for a result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

TARGET_REACH: Final = 0.02  # half width of an interval of a lift that a simulation should reach


def remarks(lifts: Mapping[str, tuple[float, float, float]], devices: int, trained: bool) -> list[str]:
    """Return sentences about a simulation without training, or with too few devices.

    Args:
        lifts: lift of the policy value over other choices, with the ends of its 95 % interval, by their name.
        devices: number of devices.
        trained: whether the model was trained.
    """
    said = []
    if not trained:
        said.append(
            "The model has never been trained: the figures are those of keyart's prior and, unless --no-head was "
            "given, of the personal heads."
        )
    for name, (lift, low, high) in lifts.items():
        if low <= 0 <= high:
            said.append(
                f"Too few devices to tell whether this is better or worse than {name}: the lift is {lift:+.2f}, with "
                f"a 95 % interval of {low:+.2f} to {high:+.2f}. {_needed(devices, (high - low) / 2)} (--viewers)."
            )
    return said


def _needed(devices: int, reach: float) -> str:
    if not math.isfinite(reach):
        return "One device has no interval: simulate more of them"
    needed = devices * (reach / TARGET_REACH) ** 2
    step = 10 ** max(len(str(math.ceil(needed))) - 2, 0)  # to two digits
    return f"About {math.ceil(needed / step) * step:,} devices are needed for ±{TARGET_REACH}"
