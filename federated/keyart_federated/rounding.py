"""The error that devices add when they round their vectors to integers by chance (`keyart.dp.clip.round_vectors`)."""

from __future__ import annotations

from typing import Final

MAX_ROUNDING_VARIANCE: Final = 0.25  # of one integer on one device: that of a fair coin between two integers


def sum_variance(noise_variance: float, devices: float) -> float:
    """Return the variance of an entry of a private sum.

    Args:
        noise_variance: Variance of the noise in the entry, that of all devices together.
        devices: Number of devices in the sum.
    """
    return noise_variance + MAX_ROUNDING_VARIANCE * devices
