"""Diagnostics for the host: how fast the device path is. Nothing about the person is in them."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

MEASURED = 1024  # the last choices


@dataclass(frozen=True, slots=True)
class Stats:
    """Measurements of an open profile.

    Attributes:
        engine: "onnxruntime" or "numpy".
        model_version: Version of the bundle; 0 without one.
        choices: Number of calls of `choose` and `choose_page`.
        choose_p50_us: Median duration of the last 1,024 calls in microseconds. NaN before the first.
        choose_p99_us: The same for the 99th percentile.
        head_updates: Number of outcomes that the head has learned from.
        pending: Number of decisions that are not on the disk yet.
        store_bytes: Size of all files of the profile.
        read_only: True if the storage cannot be written, so that nothing is learned.
    """

    engine: str
    model_version: int
    choices: int
    choose_p50_us: float
    choose_p99_us: float
    head_updates: int
    pending: int
    store_bytes: int
    read_only: bool = False


class Timings:
    """Durations of recent calls.

    Attributes:
        seconds: Durations of the last 1,024 calls.
        count: Number of all calls.
    """

    def __init__(self) -> None:
        self.count = 0
        self.seconds: deque[float] = deque(maxlen=MEASURED)

    def quantile_us(self, share: float) -> float:
        """Return the duration that a share of the last calls stayed within, in microseconds; NaN without calls."""
        ordered = sorted(self.seconds)
        if not ordered:
            return math.nan
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1e6
